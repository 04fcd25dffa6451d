"""What a file really is by its first bytes, whatever its name says."""

from __future__ import annotations

from app.exceptions import IngestError

__all__ = ["expect", "refuse_binary"]

_SIGNATURES = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive, such as a DOCX file"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an encrypted or old Office file"),
    (b"{\\rtf", "an RTF file"),
    (b"\x89PNG\r\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x1f\x8b", "a gzip archive"),
)
_PAGES = (b"<!doctype html", b"<html")
_LOOKED_AT = 1_024


def expect(document: str, data: bytes, signature: bytes, name: str, *, within: int = 0) -> None:
    """Refuse bytes without the signature of the type that the document's suffix promises.

    Args:
        document: the document's id.
        data: its bytes.
        signature: how a file of the type begins.
        name: the type, as in `a PDF file`.
        within: bytes in which the signature may stand; by default nothing may go before it.

    Raises:
        IngestError: the file is empty or of another type, which is named where it is known.
    """
    if not data:
        raise IngestError(document, f"is empty, and no {name.removeprefix('a ')}")
    if signature in data[: max(within, len(signature))]:
        return
    found = _kind(data)
    is_really = f" but {found}" if found else ""
    raise IngestError(document, f"is not {name}{is_really}; check the file's type")


def refuse_binary(document: str, data: bytes) -> None:
    """Refuse a file whose suffix promises text and whose bytes are of another known type.

    Raises:
        IngestError: the bytes are of that type.
    """
    if found := _kind(data, pages=False):
        raise IngestError(document, f"is {found}, and no text; check the file's type")


def _kind(data: bytes, *, pages: bool = True) -> str:
    start = data[:_LOOKED_AT].lstrip()
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    if pages and start.lower().startswith(_PAGES):
        return "an HTML page"
    return ""
