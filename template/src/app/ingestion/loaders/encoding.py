"""Bytes to text, strictly: a wrong guess would put nonsense into the index."""

from __future__ import annotations

import codecs

from app.exceptions import IngestError
from app.ingestion.loaders.signatures import refuse_binary

__all__ = ["decode"]

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    # UTF-32 first: its little-endian mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(document: str, data: bytes, *, declared: str = "") -> str:
    """Return the text of a document in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    `declared` is tried where the bytes are not UTF-8: an encoding that the document itself names.

    Raises:
        IngestError: the bytes are in another encoding, of another type, or no text at all.
    """
    refuse_binary(document, data)
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
    if b"\0" in data and encoding in {"", "utf-8"}:
        raise IngestError(document, "holds NUL bytes, so it is no text; check the file's type")
    body = data[len(bom) :]
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as exc:
        if declared and not bom:
            text = _decode_declared(document, body, declared)
        else:
            reason = f"is not valid {encoding.upper()} at byte {exc.start}; save it as UTF-8"
            raise IngestError(document, reason) from exc
    if "\0" in text:
        raise IngestError(document, "holds NUL characters, so it is no text; check the file's type")
    return text


def _decode_declared(document: str, data: bytes, declared: str) -> str:
    try:
        return data.decode(declared)
    except (LookupError, ValueError) as exc:
        reason = f"is not valid in the encoding that it declares, {declared!r}; save it as UTF-8"
        raise IngestError(document, reason) from exc
