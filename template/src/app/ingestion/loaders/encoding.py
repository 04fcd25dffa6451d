"""Checks the type of a file by its first bytes, and decodes text strictly.

A wrong guess would put nonsense into the index.
"""

from __future__ import annotations

import codecs
import re

import webencodings  # type: ignore[import-untyped]  # pure Python, without stubs

from app.exceptions import IngestError

__all__ = ["declared_encoding", "decode", "expect"]

_SIGNATURES = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive, such as a DOCX file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an encrypted or old Office file"),
    (b"{\\rtf", "an RTF file"),
    (b"\x89PNG\r\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x1f\x8b", "a gzip archive"),
)
_PAGES = (b"<!doctype html", b"<html")
_LOOKED_AT = 1_024

_UTF16 = (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE)
_NO_TEXT = ", so it is no text; check the file's type"
_UNDECLARABLE = frozenset({"replacement", "utf-16be", "utf-16le", "x-user-defined"})
"""Encodings that say nothing about the bytes, or that a byte order mark has to announce."""

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_XML = re.compile(rb"""\s*<\?xml\s[^<>]{0,200}?\sencoding\s*=\s*["']([\w.:+-]+)""", re.IGNORECASE)
_META = re.compile(rb"<meta[\s/][^<>]*", re.IGNORECASE)
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:+-]+)""", re.IGNORECASE)
_NAMED = re.compile(rb"""\s(?:name|property)\s*=""", re.IGNORECASE)
_CHARSET_WITHIN = 65_536
"""Bytes in which a page may declare its encoding; browsers look beyond the standard's 1,024."""


def expect(document: str, data: bytes, signature: bytes, name: str, *, within: int = 0) -> None:
    """Refuse bytes without the signature of the type that the document's suffix promises.

    Args:
        document: the document's id.
        data: its bytes.
        signature: how a file of the type begins.
        name: the type, as in `a PDF file`.
        within: bytes in which the signature may stand; by default nothing may go before it.

    Raises:
        IngestError: the file is empty or of another type, which is named if it is known.
    """
    if not data:
        raise IngestError(document, f"is empty, and no {name.removeprefix('a ')}")
    if signature not in data[: max(within, len(signature))]:
        is_page = data[:_LOOKED_AT].lstrip().lower().startswith(_PAGES)
        found = _kind(data) or ("an HTML page" if is_page else "")
        is_really = f" but {found}" if found else ""
        raise IngestError(document, f"is not {name}{is_really}; check the file's type")


def decode(document: str, data: bytes, *, declared: str = "") -> str:
    """Return the text of a document in UTF-8, or in UTF-16 with a byte order mark.

    `declared` is the encoding that the document names. It is used if the bytes are not UTF-8, as
    browsers use it (WHATWG Encoding standard): `iso-8859-1` means windows-1252, for example.

    Raises:
        IngestError: the bytes are in another encoding, of another type, or no text at all.
    """
    if found := _kind(data):
        raise IngestError(document, f"is {found}, and no text; check the file's type")
    if b"\0" in data and not data.startswith(_UTF16):
        raise IngestError(document, f"holds NUL bytes{_NO_TEXT}")
    candidates = [webencodings.UTF8]
    named = webencodings.lookup(declared)
    if named is not None and named.name not in _UNDECLARABLE:
        candidates.append(named)
        if named.name == "iso-2022-jp" and b"\x1b" in data:
            candidates.reverse()  # its bytes are ASCII, so they are always valid UTF-8 as well
    reason = ""
    for encoding in candidates:
        try:
            text, _ = webencodings.decode(data, encoding, "strict")
        except UnicodeDecodeError as exc:
            reason = reason or f"is not valid {exc.encoding.upper()} at byte {exc.start}"
        else:
            if "\0" in text:
                raise IngestError(document, f"holds NUL characters{_NO_TEXT}")
            return str(text)
    if declared:
        reason += f", nor in the encoding that it declares, {declared!r}"
    raise IngestError(document, f"{reason}; save it as UTF-8")


def declared_encoding(page: bytes) -> str:
    """Return the encoding that a web page names: in an element first, or else as XML."""
    start = page[:_CHARSET_WITHIN]
    for tag in _META.findall(_COMMENT.sub(b"", start)):
        found = _CHARSET.search(tag)
        if found and not _NAMED.search(tag):
            return found[1].decode("ascii")
    found = _XML.match(start)
    return found[1].decode("ascii") if found else ""


def _kind(data: bytes) -> str:
    start = data[:_LOOKED_AT].lstrip()
    return next((kind for signature, kind in _SIGNATURES if start.startswith(signature)), "")
