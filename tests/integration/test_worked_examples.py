"""Three questions of the kind people ask an assistant, answered by `memento solve` with the bundled servers alone.

The model is a script that says which tool to call; every figure in an answer is read from what the tools returned.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from bundled.web.site import Answer as Page
from bundled.web.site import site
from integration.solve_command import Desk, a_call, a_plan
from planner.openai_talk import said
from planner.wire_server import Answer, Line, WireServer

SAMPLES = Path(__file__).parent.parent / "bundled" / "samples"
LANDINGS = [
    ("Landings, week 21, in kilograms", None, None, None),
    (None, None, None, None),
    ("Boat", "Port", "Kind", "Kilograms"),
    ("Skúli", "Vardø", "cod", 1250),
    ("Fanney", "Tromsø", "haddock", 830.5),
    ("Fanney", "Tromsø", "crab", 2400),
    ("Ling", "Vardø", "crab", 95),
    ("Ling", "Vardø", "cod", 310.25),
    ("Aud", "Tromsø", "cod", 644),
]
PAGE = """<html><head><title>Lake Alta</title></head><body><article><h1>Lake Alta</h1>
<p>Lake Alta is a reservoir in the north. It was filled in 1987, when the dam across the valley had been finished, and
serves the power station below the dam ever since.</p>
<table><tr><th>Volume</th><td>1.35 cubic kilometres</td></tr><tr><th>Mean outflow</th><td>75 cubic metres a second</td>
</tr></table><p>In winter the lake freezes over. The ice carries people from December until the end of April.</p>
</article></body></html>"""


def bundled(name: str, *flags: str) -> dict[str, Any]:
    """A bundled server as a tools file names it."""
    return {"command": sys.executable, "args": ["-m", "memento_server", "tool", name, *flags]}


def found(pattern: str, make: Callable[..., Answer]) -> Line:
    """An answer made from the groups of the last place where a pattern is in what the model was shown."""

    def answer(asked: Any) -> Answer:
        shown = "\n".join(str(message["content"]) for message in asked["messages"])
        matches = re.findall(pattern, shown)
        assert matches, f"{pattern} is not in what the model was shown: {shown[-3000:]}"
        groups = matches[-1] if isinstance(matches[-1], tuple) else (matches[-1],)
        return make(*groups)

    return answer


def answer_of(desk: Desk, task: str, *lines: Line) -> str:
    """What a task comes to with a model that says these lines, all of which have to be asked for."""
    with WireServer(lines).running() as model:
        ended = desk.run_here(model, task, "--json")
    assert ended.status == 0, ended.err
    assert len(model.requests) == len(lines), ended.err
    assert ended.told["outcome"] == "success"
    return str(ended.told["answer"])


RIGHT = said('{"reason": "the tools returned these figures", "verdict": "success", "score": 1}')


def test_a_question_about_a_workbook(tmp_path: Path) -> None:
    book = Workbook()
    for row in LANDINGS:
        book.active.append(row)
    book.save(tmp_path / "landings.xlsx")
    desk = Desk(tmp_path, {"documents": bundled("documents", "--root", str(tmp_path))})
    sql = (
        "SELECT Port, sum(Kilograms) AS kilograms FROM {} WHERE Kind <> 'crab' GROUP BY Port ORDER BY kilograms DESC "
        "LIMIT 1"
    )
    answer = answer_of(
        desk,
        "Which port landed the most fish in all according to landings.xlsx, crab left out, and how many kilograms?",
        a_plan(("See which tables the workbook has", "documents__list_tables"), ("Ask it", "documents__query_table")),
        a_call("documents__list_tables", path="landings.xlsx"),
        found(r'"name": "(\w+)",\s*"origin"', lambda table: said(f"The table is called {table}, its header is known.")),
        found(
            r"The table is called (\w+)",
            lambda table: a_call("documents__query_table", path="landings.xlsx", sql=sql.format(table)),
        ),
        found(r'\[\s*"(\w+)",\s*([\d.]+)\s*\]', lambda port, kilograms: said(f"First is {port} with {kilograms} kg.")),
        found(r"First is (\w+) with ([\d.]+) kg", lambda port, kilograms: said(f"{port}: {kilograms} kg")),
        RIGHT,
    )
    assert answer == "Vardø: 1560.25 kg"


def test_a_page_is_read_and_computed_with(tmp_path: Path) -> None:
    with site({"/alta": Page(PAGE)}) as up:
        servers = {"web": bundled("web", "--allow-host", up.host, "--browser", "none"), "math": bundled("math")}
        answer = answer_of(
            Desk(tmp_path, servers),
            f"How many whole days would Lake Alta take to run dry at its mean outflow, by {up.url('/alta')}?",
            a_plan(("Read the page", "web__fetch_page"), ("Divide volume by outflow", "math__calculate")),
            a_call("web__fetch_page", url=up.url("/alta"), query="volume and mean outflow"),
            found(
                r"([\d.]+) cubic kilometres(?s:.)*?([\d.]+) cubic metres a second",
                lambda volume, outflow: said(f"It holds {volume} km^3 and loses {outflow} m^3/s."),
            ),
            found(
                r"holds ([\d.]+) km\^3 and loses ([\d.]+) m",
                lambda volume, outflow: a_call("math__calculate", expression=f"floor({volume}*10^9/{outflow}/86400)"),
            ),
            found(r'"exact": ?"(\d+)"', lambda days: said(f"It takes {days} days.")),
            found(r"It takes (\d+) days", lambda days: said(f"{days} days")),
            RIGHT,
        )
    assert answer == "208 days"  # 1.35e9 m³ at 6.48e6 m³ a day are 208.33 days


def test_an_archive_with_a_document_inside(tmp_path: Path) -> None:
    servers = {"documents": bundled("documents", "--root", str(SAMPLES)), "math": bundled("math")}
    answer = answer_of(
        Desk(tmp_path, servers),
        "How many cubic metres of silt a berth of the northern basin were dredged, by the report in harbour.zip?",
        a_plan(
            ("See what is in the archive", "documents__read_document"),
            ("Read the report", "documents__read_document"),
            ("Divide the silt by the berths", "math__calculate"),
        ),
        a_call("documents__read_document", path_or_url="harbour.zip"),
        found(r'"path": ?"(harbour\.zip![^"]*\.docx)"', lambda path: said(f"The report is {path}")),
        found(
            r"The report is (harbour\.zip!\S+\.docx)",
            lambda path: a_call("documents__read_document", path_or_url=path, query="silt removed, berths of basins"),
        ),
        found(
            r"removed ([\d,]+) cubic metres(?s:.)*?North \| [\d.]+ \| (\d+)",
            lambda silt, berths: said(f"{silt} cubic metres, {berths} berths"),
        ),
        found(
            r"([\d,]+) cubic metres, (\d+) berths",
            lambda silt, berths: a_call("math__calculate", expression=f"{silt.replace(',', '')}/{berths}", digits=8),
        ),
        found(r'"decimal": ?"([\d.]+)"', lambda share: said(f"That makes {float(share):.1f} a berth.")),
        found(r"makes ([\d.]+) a berth", lambda share: said(f"{share} cubic metres")),
        RIGHT,
    )
    assert answer == "4016.7 cubic metres"
