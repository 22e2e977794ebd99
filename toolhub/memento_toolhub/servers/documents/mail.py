"""E-mail: what it says, and the files attached to it."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, MIMEPart

from memento_toolhub.servers.documents.document import Document, Entry, Source, UnreadableError
from memento_toolhub.servers.documents.encodings import decoded
from memento_toolhub.servers.documents.marked import converted, from_html
from memento_toolhub.servers.documents.pages import without_pages

_POSTMARK = re.compile(rb"\r?\nFrom \S+ [^\r\n]*\d{4}[^\r\n]*\r?\n(?=[\w-]+:)")
_NO_NAME = re.compile(r"[\x00-\x1f/\\!]+")
_MOST_SUBJECT = 80
_SHOWN = ("From", "To", "Cc", "Date", "Subject")
_ATTACHMENT = "__attach_version1.0_"
_LONG_NAME, _SHORT_NAME, _DATA = "__substg1.0_3707", "__substg1.0_3704", "__substg1.0_37010102"


def read_eml(source: Source, pages: str) -> Document:
    """Heads and text of a message."""
    message = _parsed(source)
    heads = [f"**{name}:** {value}" for name in _SHOWN if (value := str(message.get(name) or "").strip())]
    body = message.get_body(("plain", "html"))
    text = _text(body) if body is not None else "(no text)"
    entries = tuple(Entry(name, len(data)) for name, data in _attached(message))
    title = str(message.get("Subject") or "")
    return Document(
        "\n".join(heads) + f"\n\n{text}", title=title, entries=entries, notes=without_pages(pages, "an e-mail")
    )


def eml_attachments(source: Source) -> dict[str, bytes]:
    """The files attached, by name."""
    return dict(_attached(_parsed(source)))


def read_msg(source: Source, pages: str) -> Document:
    """Heads and text of an Outlook message."""
    markdown, title = converted("OutlookMsgConverter", source.whole(), ".msg")
    entries = tuple(Entry(name, len(data)) for name, data in msg_attachments(source).items())
    return Document(markdown, title=title, entries=entries, notes=without_pages(pages, "an e-mail"))


def msg_attachments(source: Source) -> dict[str, bytes]:
    """The files attached, by name; messages attached to a message are left out."""
    import olefile

    found: dict[str, bytes] = {}
    with olefile.OleFileIO(source.whole()) as ole:
        streams = [path for path in ole.listdir() if len(path) == 2 and path[0].startswith(_ATTACHMENT)]
        for folder, stream in streams:
            if stream == _DATA:
                found[_free(_msg_name(ole, folder), found)] = ole.openstream([folder, stream]).read()
    return found


def messages(source: Source) -> dict[str, bytes]:
    """The messages of a mailbox, each as a file called by its number and subject."""
    parts = _POSTMARK.split(b"\n" + source.whole().read())[1:]
    found = {}
    for number, data in enumerate(parts, 1):
        subject = str(email.message_from_bytes(data, policy=policy.default).get("Subject") or "")
        found[f"{number} {_NO_NAME.sub('_', subject)[:_MOST_SUBJECT]}".strip() + ".eml"] = data
    return found


def _msg_name(ole: object, folder: str) -> str:
    for start in (_LONG_NAME, _SHORT_NAME):
        for kind, encoding in (("001F", "utf-16-le"), ("001E", "latin-1")):
            if ole.exists([folder, start + kind]):  # type: ignore[attr-defined]
                data: bytes = ole.openstream([folder, start + kind]).read()  # type: ignore[attr-defined]
                return data.decode(encoding, "replace").rstrip("\0")
    return "attachment"


def _parsed(source: Source) -> EmailMessage:
    message = email.message_from_binary_file(source.whole(), policy=policy.default)
    if not message.keys():
        raise UnreadableError(f"{source.name} has no e-mail heads; if it is plain text, name it .txt")
    return message


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    try:
        text = data.decode(charset) if charset else decoded(data)
    except (LookupError, UnicodeDecodeError):
        text = decoded(data)
    if part.get_content_subtype() == "html":
        text, _ = from_html(text)
    return text.replace("\r\n", "\n").strip()


def _attached(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    taken: dict[str, bytes] = {}
    if not message.is_multipart():
        return
    for part in message.iter_attachments():
        message_inside = part.get_content_type() == "message/rfc822"
        inner = part.get_payload(0) if message_inside and part.is_multipart() else None
        payload = inner.as_bytes() if isinstance(inner, EmailMessage) else part.get_payload(decode=True)
        data = payload if isinstance(payload, bytes) else b""
        name = _free(part.get_filename() or ("message.eml" if message_inside else "attachment"), taken)
        taken[name] = data
        yield name, data


def _free(name: str, taken: dict[str, bytes]) -> str:
    """The name, with a number where it is taken."""
    number, found = 2, name
    while found in taken:
        found, number = f"{number}-{name}", number + 1
    return found
