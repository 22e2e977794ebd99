"""What models are told: one Markdown template per role, and the fence around everything that is only data."""

from __future__ import annotations

from functools import cache
from importlib import resources
from string import Template

from memento_planner.prompts.fence import fence

__all__ = ["fence", "load"]


def load(name: str, **values: str) -> str:
    """Fill in a template; values are put in as they are, so what is not ours is fenced before.

    Args:
        name: of the file beside this one, without `.md`; in it `$value` stands for a value and `$$` for a dollar sign.

    Raises:
        ValueError: if a value is missing, or given but not asked for.
    """
    template = _template(name)
    wanted = set(template.get_identifiers())
    if wanted != set(values):
        odd = ", ".join(sorted(wanted ^ set(values)))
        raise ValueError(f"prompt {name}: give exactly the values its template names; missing or unknown: {odd}")
    return template.substitute(values).strip()


@cache
def _template(name: str) -> Template:
    return Template(resources.files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8"))
