"""Names of downstream servers: what a file calls them, made fit to be the first half of a tool's name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerNames:
    """What the servers of a file are called.

    Attributes:
        given: our name for each written one; all different.
        problems: why a written name cannot be used, for those.
        warnings: which names were changed.
    """

    given: dict[str, str]
    problems: dict[str, str]
    warnings: tuple[str, ...]


def fit(written: str) -> str:
    """A name of letters, digits, "_" and "-" without "__"; one that is so already stays as it is."""
    name = re.sub(r"_{2,}", "_", re.sub(r"[^A-Za-z0-9_-]+", "-", written))
    name = name if name == written else name.strip("-_")
    return name or "server-" + hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()[:6]


def server_names(written: Iterable[str]) -> ServerNames:
    """Names for the servers of one file; a name that is fit as it stands goes before one that had to be changed."""
    originals = tuple(written)
    given = {name: name for name in originals if fit(name) == name}
    taken = set(given)
    problems, warnings = {}, []
    for name in originals:
        if name in given:
            continue
        ours = fit(name)
        if ours in taken:
            problems[name] = (
                f"server {name!r}: its name becomes {ours!r}, which another server has; "
                'give it another name of letters, digits, "-" and "_"'
            )
            ours = next(
                f"{ours}-{number}" for number in range(2, len(originals) + 2) if f"{ours}-{number}" not in taken
            )
        else:
            warnings.append(
                f'server {name!r} is called {ours!r} here; names are letters, digits, "-" and "_" without "__"'
            )
        given[name] = ours
        taken.add(ours)
    return ServerNames({name: given[name] for name in originals}, problems, tuple(warnings))
