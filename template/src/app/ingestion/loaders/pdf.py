"""PDF through pypdf: the text layer and what was filled in, page by page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeVar

from pypdf import PdfReader
from pypdf.errors import DependencyError
from pypdf.generic import ArrayObject, DictionaryObject

from app.exceptions import IngestError
from app.ingestion.loaders.encoding import expect
from app.ingestion.loaders.pages import join_pages, read_page
from app.ingestion.loaders.titles import own_title
from gwkit.parsing.loader import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pypdf import PageObject

__all__ = ["load"]

_T = TypeVar("_T")

_HEADER_WITHIN = 1_024
_TRAILER_WITHIN = 1_024
"""Bytes in which header and end marker stand (ISO 32000-1, annexes H.3.4.1 and H.3.4.4)."""

_UNSEEN = 0b100010
"""The flags of annotations that are hidden or not viewed (ISO 32000-1, table 165)."""

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)
"""Typesetters draw these as one glyph, and searches use the letters."""


def load(document: str, data: bytes, /) -> Loaded:
    """Read a PDF file, as `gwkit.parsing.loader.Loader` says.

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
    blocks, empty = join_pages(pages, [_filled_in(page) for page in reader.pages])
    if not blocks:
        raise IngestError(document, "has no text layer; run it through text recognition first")
    title = own_title(str(reader.metadata.title or "")) if reader.metadata else ""
    metadata = {"type": "pdf", "pages": str(len(pages))}
    if empty:
        which = ", ".join(_ranges(empty))
        metadata["incomplete"] = (
            f"{len(empty)} of {len(pages)} pages have no text ({which}); "
            "if they were scanned, run the file through text recognition"
        )
    return Loaded(title, tuple(blocks), metadata)


def _filled_in(page: PageObject) -> str:
    """Return the values of form fields, each with its name, and text that was typed on top."""
    lines = []
    for one in page.annotations or ():
        field = one.get_object()
        if not isinstance(field, DictionaryObject) or _inherited(field, "/F", 0) & _UNSEEN:
            continue
        kind = field.get("/Subtype")
        value = ""
        if kind == "/FreeText":
            value = _inherited(field, "/Contents", "")
        elif kind == "/Widget" and _inherited(field, "/FT", "") == "/Btn":
            value = _inherited(field, "/AS", "/Off").removeprefix("/").removeprefix("Off")
        elif kind == "/Widget":
            value = _chosen(field)
        if value.strip():
            name = _inherited(field, "/TU", "") or _inherited(field, "/T", "")
            # Programs number the fields of a form, as in `topmostSubform[0].f1_02[0]`.
            lines.append(value if not name or "[" in name else f"{name}: {value}")
    return "\n".join(dict.fromkeys(lines))


def _chosen(field: DictionaryObject) -> str:
    """Return the values of a field as they are shown; options can be pairs of value and text."""
    options = _inherited(field, "/Opt", ArrayObject())
    pairs = [list(map(str, one)) for one in options if isinstance(one, ArrayObject) and one]
    shown = {pair[0]: pair[-1] for pair in pairs}
    several = _inherited(field, "/V", ArrayObject())
    values = list(map(str, several)) or [_inherited(field, "/V", "")]
    return ", ".join(shown.get(value, value) for value in values)


def _inherited(field: DictionaryObject, key: str, default: _T) -> _T:
    """Return a value of a field or of those above it; the default if it is of another type."""
    found = field.get_inherited(key, default)
    return found if isinstance(found, type(default)) else default


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
