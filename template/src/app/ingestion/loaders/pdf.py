"""PDF through pypdf: the text layer, page by page."""

from __future__ import annotations

import io
import re

from pypdf import PdfReader
from pypdf.errors import DependencyError

from app.exceptions import IngestError
from app.ingestion.loaders.signatures import expect
from gwkit.documents import Block, BlockKind
from gwkit.parsing.ports import Loaded

__all__ = ["load"]

_HEADER_WITHIN = 1_024
_TRAILER_WITHIN = 1_024
"""Bytes in which header and end marker stand (ISO 32000-1, annexes H.3.4.1 and H.3.4.4)."""

_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
"""Typesetters draw these as one glyph, and nobody searches for them so."""


def load(document: str, data: bytes, /) -> Loaded:
    """Read a PDF file, as `gwkit.parsing.ports.Loader` says.

    Raises:
        IngestError: the file is none, is cut off or encrypted, or has no text layer.
    """
    expect(document, data, b"%PDF-", "a PDF file", within=_HEADER_WITHIN)
    # The parser repairs what it can, and would pass over pages that are missing.
    if b"%%EO" not in data.rstrip(b"\0\r\n\t ")[-_TRAILER_WITHIN:]:
        raise IngestError(document, "is cut off: its end is missing; copy or save it again")
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not _opens_without_password(reader):
        raise IngestError(document, "is encrypted; save it without a password")
    pages = (page.extract_text().translate(_LIGATURES) for page in reader.pages)
    parts = (part.strip() for page in pages for part in _BLANK_LINE.split(page))
    blocks = tuple(Block(BlockKind.TEXT, part) for part in parts if part)
    if not blocks:
        raise IngestError(document, "has no text layer; run it through text recognition first")
    title = str(reader.metadata.title or "") if reader.metadata else ""
    return Loaded(title, blocks, {"type": "pdf", "pages": str(len(reader.pages))})


def _opens_without_password(reader: PdfReader) -> bool:
    """Tell a file that only restricts printing or copying from one that asks for a password."""
    try:
        return bool(reader.decrypt(""))
    except DependencyError:
        return False
