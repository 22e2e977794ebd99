"""What the math server needs."""

from __future__ import annotations

from collections.abc import Mapping

from memento_toolhub.servers.kit.options import Need, package_need


def needs(environment: Mapping[str, str]) -> tuple[Need, ...]:
    """The packages that calculate."""
    return (
        package_need("sympy", "math"),
        package_need("mpmath", "math"),
        package_need("pint", "math", ("calculate", "convert_units")),
    )
