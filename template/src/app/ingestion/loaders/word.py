"""DOCX through python-docx: headings, paragraphs, lists and tables in document order."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

import docx
from docx.table import Table

from app.exceptions import IngestError
from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.port import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.text.paragraph import Paragraph

    from app.ingestion.documents import Block

__all__ = ["load"]

_MAX_UNPACKED_BYTES = 500_000_000
"""A small archive may unpack to more than the memory holds."""

_HEADING_STYLE = re.compile(r"Heading ([1-6])")
_CODE_STYLE = re.compile(r"code|preformatted|listing", re.IGNORECASE)


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Word file, as `app.ingestion.loaders.port.Loader` says.

    Raises:
        IngestError: the archive unpacks to an unreasonable size.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
            raise IngestError(document, f"unpacks to more than {_MAX_UNPACKED_BYTES} bytes")
    word = docx.Document(io.BytesIO(data))
    reader = _Reader()
    for item in word.iter_inner_content():
        reader.read(item)
    title = word.core_properties.title or reader.title
    return Loaded(title, reader.finish(), {"type": "docx"})


class _Reader(BlockBuilder):
    """Turns paragraphs and tables into blocks; a run of code or of list items becomes one."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self._code: list[str] = []

    def read(self, item: Paragraph | Table) -> None:
        """Add a paragraph or a table."""
        if isinstance(item, Table):
            self._end_run()
            self.write("\n".join(_rows(item)))
            self.end_text()
        else:
            self._read_paragraph(item)

    def finish(self) -> tuple[Block, ...]:
        """Close what is open and return the blocks."""
        self._end_run()
        return super().finish()

    def _read_paragraph(self, paragraph: Paragraph) -> None:
        text = paragraph.text
        style = (paragraph.style.name if paragraph.style else None) or ""
        if _CODE_STYLE.search(style):
            self.end_text()
            self._code.append(text)
            return
        if style.startswith("List") or _is_list_item(paragraph, style):
            self._end_code()
            self.new_line()
            self.write(f"- {text}" if text.strip() else "")
            return
        self._end_run()
        if style == "Title":
            self.title = self.title or " ".join(text.split())
            self.heading(text, 1)
        elif match := _HEADING_STYLE.match(style):
            self.heading(text, int(match[1]))
        else:
            self.write(text)
            self.end_text()

    def _end_run(self) -> None:
        self._end_code()
        self.end_text()

    def _end_code(self) -> None:
        if self._code:
            self.code("\n".join(self._code))
            self._code.clear()


def _is_list_item(paragraph: Paragraph, style: str) -> bool:
    """Say whether Word numbers this paragraph; a numbered heading is no list item."""
    if _HEADING_STYLE.match(style):
        return False
    properties = paragraph.paragraph_format.element.pPr
    return properties is not None and properties.numPr is not None


def _rows(table: Table) -> Iterator[str]:
    for row in table.rows:
        cells: list[str] = []
        previous = None
        for cell in row.cells:
            # A cell that spans columns is given once for each of them.
            if cell is not previous:
                nested = (line for inner in cell.tables for line in _rows(inner))
                cells.append(" ".join(" ".join((cell.text, *nested)).split()))
            previous = cell
        if any(cells):
            yield " | ".join(cells)
