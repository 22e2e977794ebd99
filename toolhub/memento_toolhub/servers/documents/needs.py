"""What the documents server needs of the machine."""

from __future__ import annotations

from collections.abc import Mapping

from memento_toolhub.servers.kit.options import Need, package_need

_PACKAGES = ("markitdown", "pypdfium2", "python_calamine", "py7zr", "charset_normalizer")


def needs(environment: Mapping[str, str]) -> tuple[Need, ...]:
    """The packages of the extra `documents`; nothing is configured by the environment."""
    return (
        *(package_need(module, "documents", ("read_document",)) for module in _PACKAGES),
        package_need("duckdb", "documents", ("list_tables", "query_table")),
    )
