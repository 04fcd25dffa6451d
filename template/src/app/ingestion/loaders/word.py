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
from app.ingestion.loaders.signatures import expect
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docx.text.paragraph import Paragraph

    from gwkit.documents import Block

__all__ = ["load"]

_MAX_UNPACKED_BYTES = 250_000_000
_MAX_PARTS = 10_000
_SUSPICIOUS_BYTES = 20_000_000
_SUSPICIOUS_RATIO = 200
"""Text packs to a tenth, very uniform tables to a fiftieth; a bomb of this size packs better."""

_HEADING_STYLE = re.compile(r"Heading ([1-6])")
_HIDDEN_RUNS = ".//w:r[w:rPr/w:vanish[not(@w:val='0' or @w:val='false')]]"
_CODE_STYLE = re.compile(r"code|preformatted|listing", re.IGNORECASE)


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Word file, as `gwkit.parsing.ports.Loader` says.

    Raises:
        IngestError: the file is none, is cut off or encrypted, or unpacks to too much.
    """
    expect(document, data, b"PK", "a Word file (DOCX)")
    _check_archive(document, data)
    word = docx.Document(io.BytesIO(data))
    if word.element.getroottree().docinfo.internalDTD is not None:
        # Its entities stay unread, so text would be missing.
        raise IngestError(document, "declares a document type, which no Word file does")
    for hidden in word.element.xpath(_HIDDEN_RUNS):
        hidden.getparent().remove(hidden)
    reader = _Reader()
    for item in word.iter_inner_content():
        reader.read(item)
    title = word.core_properties.title or reader.title
    return Loaded(title, reader.finish(), {"type": "docx"})


def _check_archive(document: str, data: bytes) -> None:
    """Look at the sizes that the archive declares; its reader unpacks no part beyond them.

    Raises:
        IngestError: it has no end, too many parts, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile as exc:
        raise IngestError(document, "is cut off or damaged; copy or save it again") from exc
    if len(parts) > _MAX_PARTS:
        raise IngestError(document, f"is an archive of {len(parts):,} parts; a Word file has few")
    size = sum(part.file_size for part in parts)
    is_bomb = size > max(_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO * len(data))
    if is_bomb or size > _MAX_UNPACKED_BYTES:
        raise IngestError(
            document, f"unpacks from {len(data):,} to {size:,} bytes; that is refused"
        )


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
