from __future__ import annotations

import bz2
import gzip
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import py7zr
import pytest

from bundled.documents.reading import SAMPLES, read, refusal

ARCHIVES = ["harbour.zip", "harbour.tar", "harbour.tar.gz", "harbour.tar.bz2", "harbour.tar.xz"]


@pytest.mark.parametrize("sample", ARCHIVES)
def test_an_archive_is_listed_with_sizes(sample: str) -> None:
    found = read(sample)
    listed = {entry.name: entry.size for entry in found.entries}
    assert listed == {"harbour/Fänge.csv": 116, "harbour/older.zip": 525, "harbour/papers/report.docx": 10344}
    assert "- harbour/Fänge.csv (116 bytes)" in found.text


@pytest.mark.parametrize("sample", ARCHIVES)
def test_a_document_in_an_archive_is_read_as_if_it_were_alone(sample: str) -> None:
    inside, alone = read(sample, "harbour/papers/report.docx"), read("report.docx")
    assert (inside.text, inside.format, inside.title) == (alone.text, alone.format, alone.title)


def test_documents_in_7z_and_emails_are_read() -> None:
    assert read("harbour.7z", "papers/report.docx").text == read("report.docx").text
    assert read("harbour.7z", "Fänge.csv").text == read("catches.csv").text
    assert read("letter.eml", "Bericht.docx").text == read("report.docx").text
    assert read("letter.msg", "catches.csv").text == read("catches.csv").text


def test_an_archive_in_an_archive_is_listed_and_read() -> None:
    assert [entry.name for entry in read("harbour.tar.gz", "harbour/older.zip").entries] == ["report.md"]
    assert read("harbour.tar.gz", "harbour/older.zip", "report.md").text == read("report.md").text


def test_the_files_of_a_document_that_is_a_zip_are_within_reach() -> None:
    assert "<dc:title>Harbour report</dc:title>" in read("report.docx", "docProps/core.xml").text


def test_a_folder_of_an_archive_is_listed_alone() -> None:
    assert [entry.name for entry in read("harbour.zip", "harbour/papers/").entries] == ["harbour/papers/report.docx"]
    assert "holds no folder" in refusal("harbour.zip", "harbour/drawings/")


def test_a_name_is_found_by_its_end_where_only_one_fits_and_others_are_suggested() -> None:
    assert read("harbour.zip", "report.docx").text == read("report.docx").text
    assert "harbour/papers/report.docx" in refusal("harbour.zip", "harbour/papers/repord.docx")


def test_what_holds_no_files_says_so() -> None:
    assert "holds no files" in refusal("report.pdf", "page.txt")


def test_encrypted_archives_are_listed_and_their_files_refused() -> None:
    assert [entry.name for entry in read("locked.zip").entries] == ["report.md"]
    assert "encrypted" in refusal("locked.zip", "report.md")
    assert "encrypted" in refusal("locked.7z", "Fänge.csv")


def test_an_encrypted_list_of_names_is_told(tmp_path: Path) -> None:
    path = tmp_path / "names.7z"
    with py7zr.SevenZipFile(path, "w", password="tide", header_encryption=True) as archive:
        archive.writestr("secret", "a.txt")
    assert "encrypted" in refusal(path)


def _nested(depth: int, folder: Path) -> tuple[Path, list[str]]:
    data, names = b"at the bottom", ["bottom.txt"]
    for level in range(depth):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as archive:
            archive.writestr(names[0], data)
        data, names = held.getvalue(), [f"level{level}.zip", *names]
    path = folder / names[0]
    path.write_bytes(data)
    return path, names[1:]


def test_archives_are_opened_three_deep_and_no_deeper(tmp_path: Path) -> None:
    path, inner = _nested(3, tmp_path)
    assert read(path, *inner).text == "at the bottom"
    path, inner = _nested(4, tmp_path)
    assert "3 deep" in refusal(path, *inner)


def test_compression_over_compression_comes_to_an_end(tmp_path: Path) -> None:
    data = b"a text"
    for _ in range(3):
        data = gzip.compress(data)
    path = tmp_path / "text.gz"
    path.write_bytes(data)
    assert read(path).text == "a text"
    path.write_bytes(bz2.compress(data))
    assert "unpack it first" in refusal(path)


EVIL = ["../../outside.txt", "/etc/passwd", "..\\..\\outside.txt", "C:\\windows\\system.ini", "a/../../b.txt"]


@pytest.mark.parametrize("name", EVIL)
def test_a_name_that_leads_out_of_the_archive_is_a_name_like_any_other(name: str, tmp_path: Path) -> None:
    zipped, tarred = tmp_path / "evil.zip", tmp_path / "evil.tar"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(name, "from the archive")
    with tarfile.open(tarred, "w") as archive_:
        info = tarfile.TarInfo(name)
        info.size = 16
        archive_.addfile(info, io.BytesIO(b"from the archive"))
    before = sorted(tmp_path.parent.rglob("*"))
    for path in (zipped, tarred):
        assert "from the archive" in read(path, read(path).entries[0].name).text
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_links_are_shown_and_not_followed(tmp_path: Path) -> None:
    tarred, zipped = tmp_path / "links.tar", tmp_path / "links.zip"
    with tarfile.open(tarred, "w") as archive:
        for name, kind, to in (
            ("soft", tarfile.SYMTYPE, "/etc/passwd"),
            ("hard", tarfile.LNKTYPE, "/etc/passwd"),
            ("pipe", tarfile.FIFOTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, to
            archive.addfile(info)
    with zipfile.ZipFile(zipped, "w") as archive_:
        entry = zipfile.ZipInfo("soft")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive_.writestr(entry, "/etc/passwd")
    assert "- soft (a link to /etc/passwd)" in read(tarred).text
    for path, name in ((tarred, "soft"), (tarred, "hard"), (zipped, "soft")):
        assert "links are not followed" in refusal(path, name)
    assert "a device or pipe" in refusal(tarred, "pipe")


def test_names_in_no_encoding_do_not_break_the_list(tmp_path: Path) -> None:
    path = tmp_path / "odd.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape") as archive:
        info = tarfile.TarInfo(b"gr\xfc\xdfe.txt".decode("utf-8", "surrogateescape"))
        info.size = 5
        archive.addfile(info, io.BytesIO(b"hello"))
    name = read(path).entries[0].name
    assert name == "gr??e.txt"
    assert read(path, name).text == "hello"


def test_empty_archives_say_so(tmp_path: Path) -> None:
    path = tmp_path / "empty.zip"
    zipfile.ZipFile(path, "w").close()
    assert read(path).text == "It is empty."


def test_the_samples_hold_what_these_tests_say() -> None:
    assert {path.name for path in SAMPLES.iterdir()} >= {*ARCHIVES, "harbour.7z", "locked.zip", "locked.7z"}
