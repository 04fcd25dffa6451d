"""DOCX as a walk over its XML: all that a reader sees, in reading order.

Elements are known by their local names, so that transitional and strict files read the same. One
that is not known is looked into: most are wrappers, such as content controls, tracked insertions,
hyperlinks and fields.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from app.exceptions import IngestError
from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.numbering import Numbering
from app.ingestion.loaders.package import Package
from app.ingestion.loaders.encoding import expect
from app.ingestion.loaders.styles import Style, Styles
from app.ingestion.loaders.symbols import symbol
from app.ingestion.loaders.titles import own_title
from app.ingestion.loaders.wordml import (
    attribute,
    children,
    empty_instructions,
    find,
    has_any,
    inside,
    local_name,
    number,
)
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from gwkit.documents import Block

__all__ = ["load"]

_TEXTS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_OPERATORS = {"den": "/", "sub": "_", "sup": "^"}
"""How formulas are written on one line."""

_NOTES = {"footnotes": "footnoteReference", "endnotes": "endnoteReference"}
_DRAWINGS = {"diagramData": ("relIds", "dm"), "chart": ("chart", "id")}
"""What refers to parts of these kinds: element and attribute."""

_LABEL_LIMIT = 200
"""Characters of a cell over several rows that are said again in each of them."""

_DEEPEST_ITEM = 8


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Word file, as `gwkit.parsing.ports.Loader` says.

    Headers and footers are read once each, before the text; notes and text boxes follow the
    paragraph that they belong to. Comments, tables of contents, hidden text and what tracked
    changes have deleted are left out.

    Raises:
        IngestError: the file is none, is cut off or encrypted, or unpacks to too much.
    """
    expect(document, data, b"PK", "a Word file (DOCX)")
    package = Package(document, data)
    parts = dict(package.relations().values())
    root = package.read(parts["officeDocument"]) if "officeDocument" in parts else None
    body = find(root, "body")
    if body is None:
        raise IngestError(document, "is an archive, but no Word file (DOCX); check the file's type")
    reader = _Reader(package, parts["officeDocument"])
    reader.read_margins()
    reader.read_body(body)
    blocks = reader.finish()
    properties = package.read(parts["core-properties"]) if "core-properties" in parts else None
    title = properties.findtext("{*}title") if properties is not None else ""
    metadata = {"type": "docx"}
    if "aFChunk" in dict(package.relations(parts["officeDocument"]).values()):
        metadata["incomplete"] = "has another file in it that is not read; save it again in Word"
    return Loaded(own_title(title or "") or reader.title, blocks, metadata)


class _Reader(BlockBuilder):
    """Turns paragraphs and tables into blocks; a run of code or of list items becomes one."""

    def __init__(self, package: Package, main: str) -> None:
        super().__init__()
        self.title = ""
        self._is_body = False
        self._code: list[str] = []
        self._unended: list[str] = []  # text of paragraphs whose end was deleted
        self._aside: deque[_Element] = deque()  # to be read after the paragraph
        self._asides: dict[tuple[str, str], _Element] = {}  # by what refers to them
        self._margins: dict[str, _Element] = {}  # by their text
        self._styles = Styles(None)
        self._numbering = Numbering(None)
        for id_, (kind, part) in package.relations(main).items():
            if kind == "styles":
                self._styles = Styles(package.read(part))
            elif kind == "numbering":
                self._numbering = Numbering(package.read(part))
            elif kind in {"header", "footer"}:
                margin = package.read(part)
                self._margins["".join(str(text) for text in margin.itertext())] = margin
            elif kind in _NOTES:
                notes = package.read(part)
                empty_instructions(notes)
                self._asides |= {(_NOTES[kind], attribute(note, "id")): note for note in notes}
            elif kind in _DRAWINGS:
                self._asides[_DRAWINGS[kind][0], id_] = package.read(part)

    def read_margins(self) -> None:
        """Add the headers and footers, each once, as text."""
        for margin in self._margins.values():
            empty_instructions(margin)
            self._read(margin)

    def read_body(self, body: _Element) -> None:
        """Add the body of the document, with what it refers to."""
        empty_instructions(body)
        self._is_body = True
        self._read(body)

    def finish(self) -> tuple[Block, ...]:
        """Close what is open and return the blocks."""
        self._end_run()
        return super().finish()

    def _read(self, part: _Element) -> None:
        for item in inside(part, "p", "tbl"):
            self._read_item(item, has_sections=self._is_body)
            while self._aside:
                for inner in inside(self._aside.popleft(), "p", "tbl"):
                    self._read_item(inner, has_sections=False)
        self._end_paragraph()

    def _read_item(self, item: _Element, *, has_sections: bool) -> None:
        if local_name(item.tag) == "tbl":
            self._end_paragraph()
            self._end_run()
            self.write("\n".join(self._rows(item)))
            self.end_text()
            return
        properties = find(item, "pPr")
        style = self._styles.of_paragraph(properties)
        self._unended.append(self._shown(item, style))
        if not has_any(properties, "{*}rPr/{*}del", "{*}rPr/{*}moveFrom"):
            self._end_paragraph(style, has_sections=has_sections)

    def _end_paragraph(self, style: Style | None = None, *, has_sections: bool = False) -> None:
        text = "".join(self._unended)
        self._unended.clear()
        style = style or Style(())
        if style.is_title:
            self.title = self.title or " ".join(text.split())
        level = style.level if has_sections else 0
        list_, depth = style.numbering or ("", -1)
        label = self._numbering.label(list_, depth)
        if (not text.strip() and not self._code) or style.is_contents:
            return
        if level:
            self._end_run()
            self.heading(f"{label} {text}", level)
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
        for row in inside(table, "tr"):
            properties = find(row, "trPr")
            if has_any(properties, "{*}del", "{*}hidden"):
                continue
            cells = []
            column = number(properties, "gridBefore", 0)
            for cell in inside(row, "tc"):
                properties = find(cell, "tcPr")
                if has_any(properties, "{*}cellDel"):
                    continue
                text = self._cell(cell)
                merged = find(properties, "vMerge")
                if merged is not None and attribute(merged, "val") != "restart":
                    text = above.get(column, "")
                    text = text if len(text) <= _LABEL_LIMIT else ""
                above[column] = text
                cells.append(text)
                column += number(properties, "gridSpan", 1)
            if any(cells):
                yield " | ".join(cells)

    def _cell(self, cell: _Element) -> str:
        texts: list[str] = []
        for item in inside(cell, "p", "tbl"):
            if local_name(item.tag) == "tbl":
                texts.extend(self._rows(item))
            else:
                style = self._styles.of_paragraph(find(item, "pPr"))
                texts += [
                    self._numbering.label(*style.numbering or ("", 0)),
                    self._shown(item, style),
                ]
        return " ".join(" ".join(texts).split())

    def _shown(self, paragraph: _Element, style: Style) -> str:
        return "".join(self._inline(paragraph, style))

    def _inline(self, parent: _Element, style: Style) -> Iterator[str]:
        for child in children(parent):
            name = local_name(child.tag)
            if name == "t":
                yield (child.text or "").replace("\n", " ")
            elif name in _TEXTS:
                yield _TEXTS[name]
            elif name == "sym":
                yield symbol(attribute(child, "font"), attribute(child, "char"))
            elif name == "textpath":  # WordArt
                yield attribute(child, "string")
            elif name == "ddList":
                entries = child.findall("{*}listEntry")
                chosen = number(child, "result", number(child, "default", 0))
                yield from (attribute(entry, "val") for entry in entries[chosen : chosen + 1])
            elif name in {"txbxContent", "txBody"}:
                self._aside.append(child)
            elif name != "r" or not self._styles.of_run(find(child, "rPr"), style).is_hidden:
                self._set_aside(name, child)
                if name in _OPERATORS and has_any(child, ".//{*}t"):
                    yield _OPERATORS[name]
                yield from self._inline(child, style)

    def _set_aside(self, name: str, reference: _Element) -> None:
        """Note what an element refers to; each is read once, or notes could refer in a circle."""
        id_ = attribute(reference, "dm" if name == "relIds" else "id")
        if (name, id_) in self._asides:
            self._aside.append(self._asides.pop((name, id_)))
