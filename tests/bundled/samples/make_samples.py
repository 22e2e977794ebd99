"""Make the sample files beside this script: `python make_samples.py`.

Needs pandoc, LibreOffice, zip and the packages openpyxl, py7zr, pillow and msoffcrypto-tool. The files are kept, so
that the tests need none of these programs.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from datetime import date
from email.message import EmailMessage
from pathlib import Path

import msoffcrypto
import openpyxl
import py7zr
from msoffcrypto.format.ooxml import OOXMLFile
from ole_file import ole_file
from PIL import Image, ImageDraw

HERE = Path(__file__).parent
SECRET = "tide"
REPORT = """---
title: Harbour report
author: Ines Falk
---

# Harbour report

The harbour of Vardø was rebuilt in three stages.

## Dredging

The dredger removed 48,200 cubic metres of silt from the northern basin. The channel is now 9.4 metres deep.

| Basin | Depth (m) | Berths |
|-------|-----------|--------|
| North | 9.4       | 12     |
| South | 6.1       | 30     |

## Lighthouse

The lamp of the lighthouse was replaced on 3 May 2021 by Ólafur Grímsson. It is seen from 18 nautical miles.

## Ferries

Ferries leave at 07:15 and at 16:40. The crossing takes ninety minutes.
"""
SLIDES = """% Tide tables
% Ines Falk

# Spring tides

- Highest: 3.2 m on 21 March

::: notes
Mention the storm of 1953.
:::

# Neap tides

| Month | Range (m) |
|-------|-----------|
| March | 0.9       |
| April | 1.1       |

# Closing

Thank you
"""
BOOK = """---
title: The Pilot's Book
author: Ines Falk
lang: en
---

# Buoys

Red buoys mark the port side.

# Currents

The current turns an hour after high water.

# Fog

In fog the horn sounds every forty seconds.
"""
CATCHES = [
    ("Boat", "Species", "Kilograms", "Day"),
    ("Skúli", "Cod", 1250, date(2023, 5, 1)),
    ("Fanney", "Haddock", 830.5, date(2023, 5, 2)),
    ("Skúli", "Ling", 96, date(2023, 5, 3)),
]


def run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=180)


def office(source: Path, to: str, folder: Path) -> Path:
    """A document as LibreOffice saves it in another format."""
    run("soffice", "--headless", "--convert-to", to, "--outdir", folder, source)
    return folder / f"{source.stem}.{to.split(':')[0]}"


def texts(folder: Path) -> None:
    for text, name, targets in (
        (REPORT, "report", ("docx", "odt", "html")),
        (SLIDES, "tides", ("pptx",)),
        (BOOK, "pilot", ("epub",)),
    ):
        source = folder / f"{name}.md"
        source.write_text(text, encoding="utf-8")
        for target in targets:
            run("pandoc", "-s", source, "-o", HERE / f"{name}.{target}")
    shutil.copy(office(HERE / "tides.pptx", "odp", folder), HERE / "tides.odp")
    (HERE / "report.md").write_text(REPORT, encoding="utf-8")


def pdfs(folder: Path) -> None:
    shutil.copy(office(HERE / "report.docx", "pdf", folder), HERE / "report.pdf")
    shutil.copy(office(HERE / "tides.pptx", "pdf", folder), HERE / "tides.pdf")
    locked = {"EncryptFile": ("boolean", "true"), "DocumentOpenPassword": ("string", SECRET)}
    options = json.dumps({name: {"type": kind, "value": value} for name, (kind, value) in locked.items()})
    shutil.copy(office(HERE / "report.docx", f"pdf:writer_pdf_Export:{options}", folder), HERE / "locked.pdf")
    page = Image.new("1", (420, 594), 1)
    ImageDraw.Draw(page).text((40, 60), "Harbour dues of 1931", fill=0)
    page.save(HERE / "scanned.pdf")


def sheets(folder: Path) -> None:
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Catches"
    for row in CATCHES:
        first.append(row)
    fees = book.create_sheet("Fees 2023")
    for fee in (("Length (m)", "Fee"), (8, 120), (12, 210), ("a|b", "two\nlines")):
        fees.append(fee)
    book.create_sheet("Secret").append(("hidden", "cell"))
    book["Secret"].sheet_state = "hidden"
    book.create_sheet("Empty")
    book.save(HERE / "catches.xlsx")
    for target in ("xls", "ods"):
        shutil.copy(office(HERE / "catches.xlsx", target, folder), HERE / f"catches.{target}")
    with (HERE / "catches.xlsx").open("rb") as plain, (HERE / "locked.xlsx").open("wb") as locked:
        OOXMLFile(plain).encrypt(SECRET, locked)
    with (HERE / "locked.xlsx").open("rb") as made:
        assert msoffcrypto.OfficeFile(made).is_encrypted()


def tables() -> None:
    rows = io.StringIO(newline="")
    csv.writer(rows).writerows(CATCHES)
    (HERE / "catches.csv").write_text(rows.getvalue(), encoding="utf-8", newline="")
    (HERE / "catches_utf16.csv").write_text(rows.getvalue(), encoding="utf-16", newline="")
    rows = io.StringIO(newline="")
    csv.writer(rows, delimiter=";").writerows(
        [
            ("Straße", "Größe", "Bemerkung"),
            ("Kai Süd", "12,5", "für Fähren geöffnet"),
            ("Mühlenbrücke", "8,0", "nur für kleine Boote, nächste Prüfung im März"),
            ("Schleuse", "30,2", "außer Betrieb"),
        ]
    )
    (HERE / "piers_cp1252.csv").write_text(rows.getvalue(), encoding="cp1252", newline="")
    japanese = "港の記録\n" + "灯台は夜になると光り、船は静かに港へ入る。潮の流れは一時間後に変わる。\n" * 4
    (HERE / "harbour_shift_jis.txt").write_text(japanese, encoding="shift_jis")


def mails() -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "ines@example.org", "pilot@example.org", "Bericht für Vardø"
    mail["Date"] = "Mon, 03 May 2021 09:30:00 +0200"
    mail.set_content("The report is attached.\nThe lamp was replaced.\n")
    mail.add_alternative("<p>The report is <b>attached</b>.</p>", subtype="html")
    mail.add_attachment((HERE / "catches.csv").read_bytes(), maintype="text", subtype="csv", filename="catches.csv")
    mail.add_attachment(
        (HERE / "report.docx").read_bytes(), maintype="application", subtype="octet-stream", filename="Bericht.docx"
    )
    (HERE / "letter.eml").write_bytes(mail.as_bytes())
    wide = {
        "0C1F": "ines@example.org",
        "0E04": "pilot@example.org",
        "0037": "Lamp of Vardø",
        "1000": "The lamp was replaced on 3 May.\r\n",
    }
    attached = {"3707001F": "catches.csv".encode("utf-16-le"), "37010102": (HERE / "catches.csv").read_bytes()}
    streams = {f"__substg1.0_{tag}001F": text.encode("utf-16-le") for tag, text in wide.items()}
    streams |= {f"__attach_version1.0_#00000000/__substg1.0_{tag}": data for tag, data in attached.items()}
    streams |= {"__properties_version1.0": bytes(32), "__recip_version1.0_#00000000/__properties_version1.0": bytes(8)}
    (HERE / "letter.msg").write_bytes(ole_file(streams))


def archives(folder: Path) -> None:
    inside = folder / "harbour"
    (inside / "papers").mkdir(parents=True)
    shutil.copy(HERE / "report.docx", inside / "papers")
    shutil.copy(HERE / "catches.csv", inside / "Fänge.csv")
    nested = folder / "older.zip"
    run("zip", "-j", nested, HERE / "report.md")
    shutil.copy(nested, inside)
    for target, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")):
        with tarfile.open(HERE / f"harbour.{target}", mode) as archive:  # type: ignore[call-overload]
            archive.add(inside, "harbour")
    shutil.make_archive(str(HERE / "harbour"), "zip", folder, "harbour")
    for name, password in (("harbour.7z", None), ("locked.7z", SECRET)):
        with py7zr.SevenZipFile(HERE / name, "w", password=password) as archive:
            archive.writeall(inside / "papers", "papers")
            archive.write(inside / "Fänge.csv", "Fänge.csv")
    (HERE / "locked.zip").unlink(missing_ok=True)
    run("zip", "-j", "-P", SECRET, HERE / "locked.zip", HERE / "report.md")
    run("gzip", "-kfn", HERE / "catches.csv")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        texts(place)
        pdfs(place)
        sheets(place)
        tables()
        mails()
        archives(place)
