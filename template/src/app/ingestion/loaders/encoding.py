"""Bytes to text, strictly: a wrong guess would put nonsense into the index."""

from __future__ import annotations

import codecs
import re
from contextlib import suppress

from webencodings import lookup  # type: ignore[import-untyped]  # pure Python, without stubs

from app.exceptions import IngestError
from app.ingestion.loaders.signatures import refuse_binary

__all__ = ["declared_encoding", "decode"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDER = {
    "big5": "cp950",
    "euc-jp": "euc_jis_2004",
    "gbk": "gb18030",
    "iso-2022-jp": "iso2022_jp_ext",
}
"""Codecs for the characters that Python's codec of that encoding lacks and browsers read."""

_COMMENT = re.compile(rb"<!--.*?(?:-->|\Z)", re.DOTALL)
_XML = re.compile(rb"""\s*<\?xml\s[^<>]{0,200}?\sencoding\s*=\s*["']([\w.:+-]+)""", re.IGNORECASE)
_META = re.compile(rb"<meta[\s/][^<>]*", re.IGNORECASE)
_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:+-]+)""", re.IGNORECASE)
_NAMED = re.compile(rb"""\s(?:name|property)\s*=""", re.IGNORECASE)
_CHARSET_WITHIN = 65_536
"""Bytes in which a page may declare its encoding; browsers look beyond the standard's 1,024."""


def decode(document: str, data: bytes, *, declared: str = "") -> str:
    """Return the text of a document in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    `declared` is the encoding that the document names. It is used if the bytes are not UTF-8, as
    browsers use it (WHATWG Encoding standard): `iso-8859-1` means windows-1252, for example.

    Raises:
        IngestError: the bytes are in another encoding, of another type, or no text at all.
    """
    refuse_binary(document, data)
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
    if b"\0" in data and encoding in {"", "utf-8"}:
        raise IngestError(document, "holds NUL bytes, so it is no text; check the file's type")
    body = data[len(bom) :]
    is_shifted = not bom and b"\x1b" in body and _label(declared) == "iso-2022-jp"
    try:
        # Its bytes are ASCII, so they are always valid UTF-8 as well.
        text = _decode_declared(document, body, declared) if is_shifted else body.decode(encoding)
    except UnicodeDecodeError as exc:
        if bom or not declared or _label(declared).startswith("utf-"):
            reason = f"is not valid {encoding.upper()} at byte {exc.start}; save it as UTF-8"
            raise IngestError(document, reason) from exc
        text = _decode_declared(document, body, declared)
    if "\0" in text:
        raise IngestError(document, "holds NUL characters, so it is no text; check the file's type")
    return text


def declared_encoding(page: bytes) -> str:
    """Return the encoding that a web page names: in an element first, or else as XML."""
    start = page[:_CHARSET_WITHIN]
    for tag in _META.findall(_COMMENT.sub(b"", start)):
        found = _CHARSET.search(tag)
        if found and not _NAMED.search(tag):
            return found[1].decode("ascii")
    found = _XML.match(start)
    return found[1].decode("ascii") if found else ""


def _label(declared: str) -> str:
    encoding = lookup(declared)
    return str(encoding.name) if encoding else ""


def _decode_declared(document: str, data: bytes, declared: str) -> str:
    encoding = lookup(declared)
    if encoding is None or encoding.name in {"replacement", "x-user-defined"}:
        raise IngestError(document, f"declares an unknown encoding, {declared!r}; save it as UTF-8")
    codec = encoding.codec_info.name
    if encoding.name.startswith("windows-125"):
        # Browsers read bytes without a meaning as control characters, which no text needs.
        controls = (bytes([byte]) for byte in range(0x80, 0xA0))
        data = data.translate(None, b"".join(c for c in controls if not c.decode(codec, "ignore")))
    for name in (codec, _WIDER.get(encoding.name, codec)):
        with suppress(UnicodeDecodeError):
            return data.decode(name)
    reason = f"is not valid in the encoding that it declares, {declared!r}; save it as UTF-8"
    raise IngestError(document, reason)
