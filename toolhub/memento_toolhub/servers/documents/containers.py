"""Formats that are a file system in a file: what is inside, and whether it is safe to parse."""

from __future__ import annotations

import tarfile
import zipfile
from zipfile import ZipFile, ZipInfo

from memento_toolhub.servers.documents.document import MOST_BYTES, Source, UnreadableError

_MOST_MEMBERS = 20_000
_MOST_UNPACKED = 500_000_000  # bytes, of all that a document holds
_MOST_RATIO = 300
_RATIO_MATTERS_FROM = 20_000_000  # bytes
_MARKUP = (".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html", ".htm", ".vml")
_CHUNK = 1 << 20
_PARTS = {"word/": "docx", "ppt/": "pptx", "xl/workbook.bin": "xlsb", "xl/": "xlsx"}
_ODF = "application/vnd.oasis.opendocument."
_MIME = {
    "application/epub+zip": "epub",
    f"{_ODF}text": "odt",
    f"{_ODF}text-template": "odt",
    f"{_ODF}spreadsheet": "ods",
    f"{_ODF}spreadsheet-template": "ods",
    f"{_ODF}presentation": "odp",
    f"{_ODF}presentation-template": "odp",
}


def opened_zip(source: Source) -> ZipFile:
    """The ZIP, of which only the table of contents has been read.

    Raises:
        UnreadableError: if it is broken or cut off.
    """
    try:
        return ZipFile(source.whole())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise UnreadableError(f"{source.name} is a damaged or cut-off ZIP file ({error}); get it anew") from error


def zip_kind(source: Source) -> str:
    """Which format is kept in a ZIP; one that is a document has been checked, see check_parts."""
    with opened_zip(source) as archive:
        names = archive.NameToInfo
        key = "zip"
        if "[Content_Types].xml" in names:
            key = next((found for start, found in _PARTS.items() if any(n.startswith(start) for n in names)), "zip")
        elif "mimetype" in names and names["mimetype"].file_size < 200:
            mime = read_member(archive, names["mimetype"], source.name).decode("ascii", "replace").strip()
            key = _MIME.get(mime, "zip")
        if key != "zip":
            check_parts(archive, source.name)
    return key


def check_parts(archive: ZipFile, name: str) -> None:
    """Refuse what would harm a parser, before one sees it: by what is declared, then by what really comes out.

    Raises:
        UnreadableError: if it unpacks to too much, is encrypted or damaged, or declares XML entities.
    """
    infos = archive.infolist()
    if len(infos) > _MOST_MEMBERS:
        raise UnreadableError(f"{name} has {len(infos)} parts; a document with more than {_MOST_MEMBERS} is refused")
    total = sum(info.file_size for info in infos)
    if total > _MOST_UNPACKED:
        raise UnreadableError(
            f"{name} would unpack to {total:,} bytes; {_MOST_UNPACKED:,} are the most; it is a bomb, or "
            "too large: split it, or save large sheets as CSV"
        )
    for info in infos:
        check_member(info, name)
    if "META-INF/manifest.xml" in archive.NameToInfo and b"encryption-data" in read_member(
        archive, archive.getinfo("META-INF/manifest.xml"), name
    ):
        raise UnreadableError(f"{name} is encrypted; ask for a copy without a password")
    for info in infos:
        _check_content(archive, info, name)


def check_member(info: ZipInfo, name: str) -> None:
    """Refuse a member by what the table of contents says of it."""
    if info.flag_bits & 1:
        raise UnreadableError(f"{info.filename} in {name} is encrypted; ask for a copy without a password")
    if info.file_size > _RATIO_MATTERS_FROM and info.file_size > _MOST_RATIO * max(info.compress_size, 1):
        raise UnreadableError(
            f"{name} is a ZIP bomb: {info.filename} would unpack to {info.file_size:,} bytes "
            f"from {info.compress_size:,}; it was not opened"
        )


def _check_content(archive: ZipFile, info: ZipInfo, name: str) -> None:
    """Unpack a member to nowhere: the ZIP module holds it to its declared size and checksum."""
    markup, before = info.filename.lower().endswith(_MARKUP), b""
    try:
        with archive.open(info) as member:
            while chunk := member.read(_CHUNK):
                if markup and b"<!ENTITY" in before + chunk:
                    raise UnreadableError(f"{name} declares XML entities in {info.filename}, which is refused")
                before = chunk[-10:]
    except UnreadableError:
        raise
    except Exception as error:  # zipfile and its decompressors have no common one
        raise damaged(info.filename, name, error) from error


def read_member(archive: ZipFile, info: ZipInfo, name: str) -> bytes:
    """One member.

    Raises:
        UnreadableError: if it is too large, encrypted or damaged.
    """
    check_member(info, name)
    if info.file_size > MOST_BYTES:
        raise UnreadableError(f"{info.filename} in {name} has {info.file_size:,} bytes; {MOST_BYTES:,} are the most")
    try:
        return archive.read(info)
    except Exception as error:  # as above
        raise damaged(info.filename, name, error) from error


def damaged(member: str, name: str, error: Exception) -> UnreadableError:
    """What to say of a member that cannot be unpacked."""
    return UnreadableError(f"{member} in {name} is damaged or lies about its size ({error}); get the file anew")


def ole_kind(source: Source) -> str:
    """Which format is kept in an OLE file, as Office wrote until 2003, and writes still where it encrypts.

    Raises:
        UnreadableError: if it is encrypted, broken, or of a format that is not read.
    """
    import olefile

    try:
        with olefile.OleFileIO(source.whole()) as ole:
            streams = {"/".join(path) for path in ole.listdir()}
    except Exception as error:  # olefile raises struct.error, IndexError and more on damaged files
        raise UnreadableError(f"{source.name} is a damaged Office file ({error}); get it anew") from error
    if "EncryptedPackage" in streams:
        raise UnreadableError(f"{source.name} is an encrypted Office file; ask for a copy without a password")
    if streams & {"Workbook", "Book"}:
        return "xls"
    if "__properties_version1.0" in streams:
        return "msg"
    old = {"WordDocument": ("Word", "docx"), "PowerPoint Document": ("PowerPoint", "pptx")}
    for stream, (program, newer) in old.items():
        if stream in streams:
            raise UnreadableError(
                f"{source.name} is of the old {program} format, which is not read; save it as .{newer} "
                f"first, e.g. with: soffice --headless --convert-to {newer} FILE"
            )
    raise UnreadableError(f"{source.name} is an OLE file of an unknown program, no document that can be read")


def is_tar_header(head: bytes) -> bool:
    """Whether bytes begin with a TAR header, of the oldest kind too, by its checksum."""
    try:
        tarfile.TarInfo.frombuf(head[:512], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True
