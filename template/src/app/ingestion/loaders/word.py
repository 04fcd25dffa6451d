"""DOCX as a walk over its XML: all that a reader sees, in reading order.

An element that is not known is looked into: most are wrappers, such as content controls, tracked
insertions, hyperlinks and fields.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from lxml import etree

from app.exceptions import IngestError
from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import expect
from app.ingestion.loaders.package import Package, number
from app.ingestion.loaders.styles import Numbering, Style, Styles, symbol
from app.ingestion.loaders.titles import own_title
from gwkit.parsing.loader import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element  # allow DEP5: its documented name

    from gwkit.documents import Block

__all__ = ["load"]

_UNREAD = frozenset({"del", "moveFrom", "rt"})
"""Deletions, the former place of moved text, and how the base of a ruby is pronounced."""

_TEXTS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_OPERATORS = {"den": "/", "sub": "_", "sup": "^"}
"""Signs that write a formula on one line."""

_NOTES = {"footnotes": "footnoteReference", "endnotes": "endnoteReference"}
_DRAWINGS = {"diagramData": "relIds", "chart": "chart"}
"""Elements that refer to parts of these kinds."""

_LABEL_LIMIT = 200
"""Characters of a cell over several rows that are repeated in each of them."""

_DEEPEST_ITEM = 8


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Word file, as `gwkit.parsing.loader.Loader` says.

    Headers and footers are read once each, before the text; notes and text boxes follow the
    paragraph that they belong to. Comments, tables of contents, hidden text and what tracked
    changes have deleted are left out.

    Raises:
        IngestError: the file is none, is cut off or encrypted, or unpacks to too much.
    """
    expect(document, data, b"PK", "a Word file (DOCX)")
    package = Package(document, data)
    parts = dict(package.relations().values())
    body = package.read(parts["officeDocument"]).find("body") if "officeDocument" in parts else None
    if body is None:
        raise IngestError(document, "is an archive, but no Word file (DOCX); check the file's type")
    reader = _Reader(package, parts["officeDocument"])
    blocks = reader.read(body)
    properties = package.read(parts["core-properties"]) if "core-properties" in parts else None
    title = properties.findtext("title") if properties is not None else ""
    metadata = {"type": "docx"}
    if "aFChunk" in dict(package.relations(parts["officeDocument"]).values()):
        metadata["incomplete"] = "has another file in it that is not read; save it again in Word"
    return Loaded(own_title(title or "") or reader.title, blocks, metadata)


class _Reader(BlockBuilder):
    """Turns paragraphs and tables into blocks; a run of code or of list items becomes one."""

    def __init__(self, package: Package, main: str) -> None:
        super().__init__()
        self.title = ""
        self._code: list[str] = []
        self._aside: deque[_Element] = deque()  # to be read after the paragraph
        self._asides: dict[tuple[str, str], _Element] = {}  # by what refers to them
        self._margins: dict[str, _Element] = {}  # by their text
        self._styles = Styles(etree.Element("styles"))
        self._numbering = Numbering(etree.Element("numbering"))
        for id_, (kind, part) in package.relations(main).items():
            if kind == "styles":
                self._styles = Styles(package.read(part))
            elif kind == "numbering":
                self._numbering = Numbering(package.read(part))
            elif kind in {"header", "footer"}:
                margin = package.read(part)
                self._margins["".join(map(str, margin.itertext()))] = margin
            elif kind in _NOTES:
                notes = package.read(part)
                self._asides |= {(_NOTES[kind], note.get("id", "")): note for note in notes}
            elif kind in _DRAWINGS:
                self._asides[_DRAWINGS[kind], id_] = package.read(part)

    def read(self, body: _Element) -> tuple[Block, ...]:
        """Return the headers and footers, each once, and the body with what it refers to."""
        for margin in self._margins.values():
            self._read(margin, has_sections=False)
        self._read(body, has_sections=True)
        return self.finish()

    def _read(self, part: _Element, *, has_sections: bool) -> None:
        for item in _inside(part, "p", "tbl"):
            if item.tag == "tbl":
                self._end_run()
                self.write("\n".join(self._rows(item)))
                self.end_text()
            else:
                self._read_paragraph(item, has_sections=has_sections)
            while self._aside:
                self._read(self._aside.popleft(), has_sections=False)
        self._end_run()

    def _read_paragraph(self, paragraph: _Element, *, has_sections: bool) -> None:
        style = self._styles.of_paragraph(paragraph)
        text = "".join(self._inline(paragraph, style))
        if style.is_title:
            self.title = self.title or " ".join(text.split())
        list_, depth = style.numbering or ("", -1)
        label = self._numbering.label(list_, depth)
        if (not text.strip() and not self._code) or style.is_contents:
            return
        if style.level and has_sections:
            self._end_run()
            self.heading(f"{label} {text}", style.level)
        elif style.is_code:
            self.end_text()
            self._code.append(text)
        elif depth >= 0:
            self._end_code()
            self.marker(f"{'  ' * min(depth, _DEEPEST_ITEM)}{label or '-'} ")
            self.write(text)
        else:
            self._end_run()
            self.write(text)
            self.end_text()

    def _end_run(self) -> None:
        self._end_code()
        self.end_text()

    def _end_code(self) -> None:
        if self._code:
            self.code("\n".join(self._code))
            self._code.clear()

    def _rows(self, table: _Element) -> Iterator[str]:
        above: dict[int, str] = {}  # the cells so far, by their column
        for row in _inside(table, "tr"):
            if row.find("trPr/del") is not None or row.find("trPr/hidden") is not None:
                continue
            cells = []
            column = number(row, "trPr/gridBefore", 0)
            for cell in _inside(row, "tc"):
                if cell.find("tcPr/cellDel") is not None:
                    continue
                text = self._cell(cell)
                merged = cell.find("tcPr/vMerge")
                if merged is not None and merged.get("val") != "restart":
                    text = above.get(column, "")
                    text = text if len(text) <= _LABEL_LIMIT else ""
                above[column] = text
                cells.append(text)
                column += number(cell, "tcPr/gridSpan", 1)
            if any(cells):
                yield " | ".join(cells)

    def _cell(self, cell: _Element) -> str:
        texts: list[str] = []
        for item in _inside(cell, "p", "tbl"):
            if item.tag == "tbl":
                texts.extend(self._rows(item))
            else:
                style = self._styles.of_paragraph(item)
                texts.append(self._numbering.label(*style.numbering or ("", 0)))
                texts.append("".join(self._inline(item, style)))
        return " ".join(" ".join(texts).split())

    def _inline(self, parent: _Element, style: Style) -> Iterator[str]:
        for child in _children(parent):
            name = child.tag
            if name == "t":
                yield (child.text or "").replace("\n", " ")
            elif name in _TEXTS:
                yield _TEXTS[name]
            elif name == "sym":
                yield symbol(child.get("font", ""), child.get("char", ""))
            elif name in {"txbxContent", "txBody"}:
                self._aside.append(child)
            elif name != "r" or not self._styles.hides(child, style):
                # Each is read once, or notes could refer to each other in a circle.
                key = (name, child.get("dm") or child.get("id", ""))
                if key in self._asides:
                    self._aside.append(self._asides.pop(key))
                if name in _OPERATORS and child.find(".//t") is not None:
                    yield _OPERATORS[name]
                yield from self._inline(child, style)


def _children(parent: _Element) -> Iterator[_Element]:
    """Yield what is shown of an element; of alternatives, the first one that has text."""
    if parent.tag == "AlternateContent":
        yield from [branch for branch in parent if branch.find(".//t") is not None][:1]
        return
    for child in parent:
        if child.tag not in _UNREAD and not child.tag.endswith("Pr"):
            yield child


def _inside(parent: _Element, *names: str) -> Iterator[_Element]:
    """Yield the elements of these names that stand in another one, or in its wrappers."""
    for child in _children(parent):
        if child.tag in names:
            yield child
        else:
            yield from _inside(child, *names)
