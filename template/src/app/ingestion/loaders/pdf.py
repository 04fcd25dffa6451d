"""PDF through pypdf: the text layer and what was filled in, page by page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pypdf import PdfReader
from pypdf.errors import DependencyError

from app.exceptions import IngestError
from app.ingestion.loaders.columns import read_page
from app.ingestion.loaders.fields import filled_in
from app.ingestion.loaders.pages import join_pages
from app.ingestion.loaders.encoding import expect
from app.ingestion.loaders.titles import own_title
from gwkit.documents import Block, BlockKind
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["load"]

_HEADER_WITHIN = 1_024
_TRAILER_WITHIN = 1_024
"""Bytes in which header and end marker stand (ISO 32000-1, annexes H.3.4.1 and H.3.4.4)."""

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
    pages = [read_page(page).translate(_LIGATURES) for page in reader.pages]
    parts, empty = join_pages(pages, [filled_in(page) for page in reader.pages])
    if not parts:
        raise IngestError(document, "has no text layer; run it through text recognition first")
    title = own_title(str(reader.metadata.title or "")) if reader.metadata else ""
    metadata = {"type": "pdf", "pages": str(len(pages))}
    if empty:
        which = ", ".join(_ranges(empty))
        metadata["incomplete"] = (
            f"{len(empty)} of {len(pages)} pages have no text ({which}); "
            "if they were scanned, run the file through text recognition"
        )
    return Loaded(title, tuple(Block(BlockKind.TEXT, part) for part in parts), metadata)


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Yield numbers in order, such as `3` and `7-9`."""
    first = numbers[0]
    for number, following in zip(numbers, (*numbers[1:], 0), strict=True):
        if following != number + 1:
            yield f"{first}-{number}" if first < number else str(number)
            first = following


def _opens_without_password(reader: PdfReader) -> bool:
    """Tell a file that only restricts printing or copying from one that asks for a password."""
    try:
        return bool(reader.decrypt(""))
    except DependencyError:
        return False
