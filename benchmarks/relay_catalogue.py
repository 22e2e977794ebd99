"""Three hundred made-up tools of thirty services, with schemas of the size that real servers have.

Run as a program, it is a server that lists them and answers every call with the tool's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

# service: what one of its things is called, and what that is
_SERVICES = {
    "calendar": ("event", "an appointment with a place and guests"),
    "mailbox": ("message", "an e-mail with its attachments"),
    "crm": ("contact", "a person or company that is sold to"),
    "invoicing": ("invoice", "a bill sent to a customer, with tax"),
    "helpdesk": ("ticket", "a customer's complaint or question"),
    "warehouse": ("item", "goods kept in stock, with their shelf"),
    "payroll": ("payslip", "an employee's wages for a month"),
    "recruiting": ("applicant", "somebody who applied for a job"),
    "fleet": ("vehicle", "a lorry or car, with its mileage and driver"),
    "weather": ("alert", "a warning of storm, frost or flood for a region"),
    "library": ("book", "a title that readers borrow and return"),
    "clinic": ("appointment", "a patient's visit to a doctor"),
    "laboratory": ("sample", "a blood or soil sample and its measured values"),
    "travel": ("booking", "a flight, train or hotel room that is paid for"),
    "restaurant": ("reservation", "a table kept for guests"),
    "realestate": ("listing", "a house or flat for sale or rent"),
    "insurance": ("claim", "damage that an insured person wants paid"),
    "bank": ("transfer", "money sent from one account to another"),
    "school": ("course", "lessons with pupils and marks"),
    "newsroom": ("article", "a text with headline, author and date of publication"),
    "photos": ("album", "a collection of pictures with captions"),
    "music": ("playlist", "songs in an order"),
    "monitoring": ("alarm", "a rule that warns when a metric leaves its bounds"),
    "deployment": ("release", "a version of a program rolled out to servers"),
    "database": ("backup", "a saved copy of the tables of a database"),
    "dns": ("record", "an entry of a zone, such as an address or mail exchanger"),
    "translation": ("glossary", "terms and how they are translated"),
    "survey": ("questionnaire", "questions for many people, with their answers"),
    "energy": ("meter", "a counter of electricity, gas or heat in a building"),
    "farm": ("field", "land with its crop, soil and irrigation"),
}
# what is done: description, and the arguments besides the id
_DEEDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "create": ("Create a new {thing} ({about}). Fails if one with the same name exists.", ("name", "notes", "tags")),
    "get": ("Return one {thing} of the {service} with all its details.", ("id", "fields")),
    "list": ("List every {thing} of the {service}, a page at a time, newest first.", ("limit", "cursor", "order")),
    "search": ("Search the {service} by words: finds {about}.", ("query", "limit", "after", "before")),
    "update": ("Change fields of a {thing} that exists; fields not given stay as they are.", ("id", "name", "notes")),
    "delete": ("Delete a {thing} from the {service} for good. This cannot be undone.", ("id", "reason")),
    "assign": ("Make a person responsible for a {thing} and notify them.", ("id", "person", "due")),
    "comment": ("Add a remark to the history of a {thing}.", ("id", "text", "visible")),
    "export": ("Export every {thing} of the {service} to a file (CSV, JSON or PDF).", ("format", "after", "before")),
    "history": ("Show who changed a {thing} and when.", ("id", "limit")),
}
_ARGUMENTS: dict[str, dict[str, Any]] = {
    "id": {
        "type": "string",
        "description": "The identifier, as given by search or list",
        "pattern": "^[A-Z]{2}-[0-9]+$",
    },
    "name": {"type": "string", "description": "A short name that people recognise", "minLength": 1, "maxLength": 120},
    "notes": {"type": "string", "description": "Anything else worth knowing, in Markdown"},
    "tags": {"type": "array", "items": {"type": "string"}, "description": "Labels to find it by"},
    "fields": {"type": "array", "items": {"type": "string"}, "description": "Only these fields; all by default"},
    "limit": {"type": "integer", "description": "Most results to return", "minimum": 1, "maximum": 200, "default": 20},
    "cursor": {"type": "string", "description": "Where the last page ended"},
    "order": {"type": "string", "enum": ["newest", "oldest", "name"], "default": "newest"},
    "query": {"type": "string", "description": "Words to search for; quote a phrase"},
    "after": {"type": "string", "format": "date", "description": "Only from this day on"},
    "before": {"type": "string", "format": "date", "description": "Only up to this day"},
    "reason": {"type": "string", "description": "Why, for the record"},
    "person": {"type": "string", "format": "email", "description": "E-mail address of the person"},
    "due": {"type": "string", "format": "date-time", "description": "When it should be done"},
    "text": {"type": "string", "description": "The remark, in Markdown"},
    "visible": {"type": "boolean", "description": "Whether customers see it too", "default": False},
    "format": {"type": "string", "enum": ["csv", "json", "pdf"], "description": "Kind of file"},
}
_REQUIRED = {"id", "name", "query", "text", "person", "format"}


def tools() -> Iterator[types.Tool]:
    """The tools, always in the same order."""
    for service, (thing, about) in _SERVICES.items():
        for deed, (description, arguments) in _DEEDS.items():
            yield types.Tool(
                name=f"{service}_{deed}",
                title=f"{deed.capitalize()} {thing}",
                description=description.format(service=service, thing=thing, about=about),
                input_schema={
                    "type": "object",
                    "properties": {name: _ARGUMENTS[name] for name in arguments},
                    "required": [name for name in arguments if name in _REQUIRED and not _changes(deed, name)],
                    "additionalProperties": False,
                },
                annotations=types.ToolAnnotations(read_only_hint=deed in {"get", "list", "search", "history"}),
            )


def _changes(deed: str, argument: str) -> bool:
    return deed == "update" and argument == "name"


async def _list(_: ServerRequestContext[Any], __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
    return types.ListToolsResult(tools=list(tools()))


async def _call(_: ServerRequestContext[Any], params: types.CallToolRequestParams) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=params.name)])


async def _serve() -> None:
    server: Server[Any] = Server("catalogue", on_list_tools=_list, on_call_tool=_call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(_serve())
