"""Files that are broken, or made to do harm: each ends in a plain refusal."""

from __future__ import annotations

import gzip
import os
import sys
import tarfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from bundled.documents.reading import SAMPLES, read, refusal, result_or_refusal
from bundled.samples.ole_file import ole_file

ZIPPED = ["report.docx", "tides.pptx", "catches.xlsx", "catches.ods", "report.odt", "tides.odp", "pilot.epub"]
MEBIBYTE = 1 << 20


def _changed(sample: str, folder: Path, change: Callable[[zipfile.ZipFile], None]) -> Path:
    """A copy of a document that is a ZIP, with something added."""
    path = folder / sample
    path.write_bytes((SAMPLES / sample).read_bytes())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        change(archive)
    return path


def _declared(archive: zipfile.ZipFile, size: int) -> None:
    archive.filelist[-1].file_size = size
    archive._didModify = True


@pytest.mark.parametrize("sample", ZIPPED)
def test_a_document_that_unpacks_to_a_thousand_times_its_size_is_not_opened(sample: str, tmp_path: Path) -> None:
    path = _changed(sample, tmp_path, lambda archive: archive.writestr("media/image.bmp", bytes(24 * MEBIBYTE)))
    assert "ZIP bomb: media/image.bmp" in refusal(path)


@pytest.mark.parametrize("sample", ZIPPED)
def test_a_document_that_declares_gigabytes_is_not_opened(sample: str, tmp_path: Path) -> None:
    assert "would unpack to 2,0" in refusal(_changed(sample, tmp_path, lambda a: _declared(a, 2_000_000_000)))


@pytest.mark.parametrize("sample", ZIPPED)
def test_a_document_with_a_part_that_lies_about_its_size_is_not_parsed(sample: str, tmp_path: Path) -> None:
    def lie(archive: zipfile.ZipFile) -> None:
        archive.writestr("media/image.bmp", bytes(24 * MEBIBYTE))
        _declared(archive, 1000)

    assert "lies about its size" in refusal(_changed(sample, tmp_path, lie))


def test_a_document_with_countless_parts_is_not_opened(tmp_path: Path) -> None:
    def many(archive: zipfile.ZipFile) -> None:
        for n in range(20_001):
            archive.writestr(zipfile.ZipInfo(f"word/{n}.xml"), b"")

    assert "parts" in refusal(_changed("report.docx", tmp_path, many))


@pytest.mark.parametrize("sample", ZIPPED)
def test_a_document_that_declares_xml_entities_is_not_parsed(sample: str, tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    assert "XML entities" in refusal(_changed(sample, tmp_path, lambda archive: archive.writestr("extra.xml", bomb)))


def test_entities_are_found_where_two_chunks_meet(tmp_path: Path) -> None:
    part = b" " * (MEBIBYTE - 4) + b"<!ENTITY b 'c'>"
    assert "XML entities" in refusal(_changed("report.docx", tmp_path, lambda a: a.writestr("word/extra.xml", part)))


def test_a_compressed_file_that_unpacks_to_too_much_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "zeros.gz"
    chunk = bytes(10 * MEBIBYTE)
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(20):
            file.write(chunk)
    assert "unpacks to more than 200,000,000 bytes" in refusal(path)


def test_a_member_larger_than_may_be_taken_out_is_refused_and_the_list_is_not(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "a,b")
        _declared(archive, 3_000_000_000)
    assert read(path).entries[0].size == 3_000_000_000
    assert "3,000,000,000 bytes" in refusal(path, "a.csv")


def test_a_tar_member_of_holes_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "holes.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("holes.txt")
        archive.addfile(info)
    header = tarfile.TarInfo("holes.txt")
    header.size = 8 << 30
    with path.open("r+b") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(9 << 30)
    assert "8,589,934,592 bytes" in refusal(path, "holes.txt")


@pytest.mark.parametrize("sample", ["locked.pdf", "locked.xlsx"])
def test_an_encrypted_document_is_told_as_such(sample: str) -> None:
    assert "encrypted" in refusal(sample)


def test_an_encrypted_opendocument_is_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "locked.odt"
    with zipfile.ZipFile(SAMPLES / "report.odt") as plain, zipfile.ZipFile(path, "w") as locked:
        for info in plain.infolist():
            data = plain.read(info)
            if info.filename == "META-INF/manifest.xml":
                data = data.replace(b"</manifest:manifest>", b"<manifest:encryption-data/></manifest:manifest>")
            locked.writestr(info, data)
    assert "encrypted" in refusal(path)


BINARY = [
    path.name
    for path in sorted(SAMPLES.iterdir())
    if path.is_file() and path.suffix not in (".py", ".md", ".csv", ".txt", ".html", ".eml")
]


@pytest.mark.parametrize("sample", BINARY)
def test_a_file_cut_off_is_refused_or_read_as_far_as_it_goes(sample: str, tmp_path: Path) -> None:
    whole = (SAMPLES / sample).read_bytes()
    path = tmp_path / sample
    for share in (0.02, 0.5, 0.98):
        path.write_bytes(whole[: int(len(whole) * share)])
        assert result_or_refusal(path)


@pytest.mark.parametrize(
    "sample", ["report.docx", "catches.ods", "pilot.epub", "harbour.zip", "harbour.7z", "harbour.tar.xz"]
)
def test_a_download_that_broke_off_says_so(sample: str, tmp_path: Path) -> None:
    path = tmp_path / sample
    path.write_bytes((SAMPLES / sample).read_bytes()[:-400])
    assert "damaged or cut" in refusal(path)


@pytest.mark.parametrize("name", ["a.pdf", "a.docx", "a.csv", "a.txt", "a.zip", "a"])
def test_an_empty_file_says_so(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.touch()
    assert "is empty" in refusal(path)


def _picture(path: Path) -> None:
    Image.effect_noise((64, 64), 50).save(path, "PNG")


def _sound(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 40)


@pytest.mark.parametrize(("make", "tool"), [(_picture, "read_text_in_image"), (_sound, "transcribe")])
def test_pictures_and_sounds_name_the_tool_that_reads_them(
    make: Callable[[Path], None], tool: str, tmp_path: Path
) -> None:
    for name in ("a.pdf", "a.bin"):
        make(tmp_path / name)
        assert tool in refusal(tmp_path / name)


def test_binary_files_are_no_documents(tmp_path: Path) -> None:
    assert "binary" in refusal(Path(sys.executable).resolve())
    path = tmp_path / "noise.docx"
    path.write_bytes(os.urandom(5000))
    assert "binary" in refusal(path)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"{\\rtf1\\ansi hello}", "RTF"),
        (b"PAR1" + bytes(20), "query_table"),
        (b"SQLite format 3\0" + bytes(100), "SQLite"),
        (b"\x28\xb5\x2f\xfd" + bytes(20), "Zstandard"),
    ],
)
def test_formats_that_are_not_read_are_named(head: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(head)
    assert says in refusal(path)


@pytest.mark.parametrize(
    ("stream", "says"),
    [("WordDocument", "save it as .docx"), ("PowerPoint Document", "save it as .pptx"), ("Other", "unknown program")],
)
def test_old_office_files_say_what_to_save_them_as(stream: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "old.doc"
    path.write_bytes(ole_file({stream: bytes(5000)}))
    assert says in refusal(path)


def test_nesting_without_end_is_no_crash(tmp_path: Path) -> None:
    page, data = tmp_path / "deep.html", tmp_path / "deep.json"
    page.write_text("<html><body>" + "<div>" * 3000 + "deep" + "</div>" * 3000)
    data.write_text("[" * 100_000)
    assert read(page).text == "deep"
    assert any("nested too deeply" in note for note in read(page).notes)
    assert any("no valid JSON" in note for note in read(data).notes)


def test_a_workbook_without_sheets_and_a_book_without_chapters_are_damaged(tmp_path: Path) -> None:
    for sample, lost in (("catches.xlsx", "xl/worksheets/sheet1.xml"), ("pilot.epub", "META-INF/container.xml")):
        path = tmp_path / sample
        with zipfile.ZipFile(SAMPLES / sample) as whole, zipfile.ZipFile(path, "w") as part:
            for info in whole.infolist():
                if info.filename != lost:
                    part.writestr(info, whole.read(info))
        assert "damaged" in refusal(path)
