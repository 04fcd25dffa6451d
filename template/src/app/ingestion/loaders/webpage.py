"""HTML through lxml: what a reader sees of a page, as blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from app.exceptions import IngestError
from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import declared_encoding, decode
from app.ingestion.loaders.grid import Grid
from app.ingestion.loaders.visibility import is_unseen
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["load", "read_markup"]

# fmt: off
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"dl", "menu", "ol", "ul"})
_BREAKS = frozenset({"br", "dd", "dt", "hr"})
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "details",
    "dialog", "div", "fieldset", "figcaption", "figure", "footer", "form", "header", "hgroup",
    "html", "legend", "main", "nav", "p", "search", "section", "summary",
})
_MARGINS = frozenset({"a", "aside", "dialog", "footer", "header"})
_MARGIN_ROLES = frozenset({
    "alertdialog", "banner", "contentinfo", "dialog", "progressbar", "status",
})
# fmt: on
_TABLES = frozenset({"table", "tbody", "td", "tfoot", "th", "thead", "tr"})
_CAPTURED_BLOCKS = frozenset({"dd", "dt", "hr", "li", "tr"})
_LAYOUT = ("pre", "table")
"""What the cells of a table hold that is there for the looks of a page, besides text."""

_SPACE = re.compile(r"\s+")
_DIGITS = re.compile(r"\s*\d{1,5}")
_EMPTY = re.compile(
    r"<(a|div|i|iframe|noscript|p|script|span|style|td|textarea|title)(\s[^<>]*)?/>"
)
_REPEATED = 20_000
"""Characters that the cells of a small page may repeat; a larger page as many as it has."""


def load(document: str, data: bytes, /) -> Loaded:
    """Read an HTML page, as `gwkit.parsing.ports.Loader` says.

    Raises:
        IngestError: the encoding is neither UTF-8 nor marked nor declared, or all text is hidden.
    """
    markup = decode(document, data, declared=declared_encoding(data))
    if markup.lstrip().startswith("<?xml"):
        # In XHTML an empty element may end at once; in HTML the rest of the page would be in it.
        markup = _EMPTY.sub(r"<\1\2></\1>", markup)
    root = _parse(markup)
    if root is None:
        return Loaded("", (), {"type": "html"})
    walk = _Walk(BlockBuilder(), len(markup))
    walk.through(root)
    if not walk.shows and walk.hides:
        # A page that is faded in by a script, or lies behind a dialog.
        walk = _Walk(BlockBuilder(), len(markup), fades_in=True)
        walk.through(root)
        if not walk.shows and walk.hides:
            raise IngestError(document, "hides all of its text; save it as a browser shows it")
    return Loaded(_title(root), walk.builder.finish(), {"type": "html"})


def read_markup(markup: str, builder: BlockBuilder) -> str:
    """Add what a page or a part of one shows to `builder`, and return its `<title>`.

    Raises:
        ValueError: the page is nested deeper than any parser goes.
    """
    root = _parse(markup)
    if root is None:
        return ""
    _Walk(builder, len(markup)).through(root)
    return _title(root)


def _parse(markup: str) -> _Element | None:
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    root = etree.fromstring(markup.encode(errors="replace"), parser) if markup.strip() else None
    # The parser leaves out what is beyond its limits, and goes on.
    if beyond := parser.error_log.filter_types([etree.ErrorTypes.ERR_RESOURCE_LIMIT]):
        raise ValueError(beyond[0].message)
    return root


def _title(root: _Element) -> str:
    return " ".join((root.findtext(".//head/title") or "").split())


class _Walk:
    """One pass through a tree, without recursion, for pages nest as deep as they like.

    Afterwards `shows` says whether there is text in the page proper, and `hides` whether some of it
    is hidden.
    """

    def __init__(self, builder: BlockBuilder, size: int, *, fades_in: bool = False) -> None:
        self.builder = builder
        self.shows = False
        self.hides = False
        self._size = size
        self._fades_in = fades_in
        self._margins = 0  # open links, headers, footers and dialogs
        self._depth = 0  # of lists and tables, whose parts stay in one block
        self._grids: list[Grid | None] = []  # of the open tables; none for one that is layout
        self._captured: list[str] = []  # the text of a heading, a cell or of preformatted text
        self._capturing: _Element | None = None

    def through(self, root: _Element) -> None:
        walk = etree.iterwalk(root, events=("start", "end"))
        skipped: _Element | None = None
        for event, element in walk:
            if event == "start":
                if is_unseen(element, fades_in=self._fades_in):
                    self.hides = self.hides or _holds_text(element)
                    if element.tag in _BLOCKS:
                        self._break()
                    skipped = element
                    walk.skip_subtree()
                else:
                    self._enter(element)
                    self._write(element.text)
            else:
                if element is not skipped:
                    self._leave(element)
                self._write(element.tail)

    def _enter(self, element: _Element) -> None:
        tag = element.tag
        self._margins += _is_margin(element)
        if self._capturing is not None:
            self._break_captured(tag)
            self._captured.append({"br": "\n", "li": "- "}.get(tag, ""))
        elif tag == "pre" or (_level(element) and not self._depth):
            self.builder.end_text()
            self._capturing = element
        elif tag in _TABLES:
            self._enter_table(element)
        elif tag in _LISTS:
            self._break()
            self._depth += 1
        elif tag == "li":
            self.builder.marker("  " * (self._depth - 1) + "- ")
        elif tag in _BREAKS:
            self.builder.new_line()
        elif tag in _BLOCKS or _level(element):
            self._break()
        if tag == "img":
            self._write(element.get("alt"))

    def _leave(self, element: _Element) -> None:
        tag = element.tag
        self._margins -= _is_margin(element)
        if self._capturing is not None:
            if element is self._capturing:
                self._end_capture(element)
            else:
                self._break_captured(tag)
        elif tag in _TABLES:
            self._leave_table(tag)
        elif tag in _LISTS:
            self._depth -= 1
            self._break()
        elif tag in _BLOCKS or _level(element):
            self._break()

    def _enter_table(self, element: _Element) -> None:
        grid = self._grids[-1] if self._grids else None
        if element.tag == "table":
            self._break()
            is_layout = element.get("role") in {"none", "presentation"}
            if is_layout or next(element.iterdescendants(*_LAYOUT), None) is not None:
                self._grids.append(None)
            else:
                self._grids.append(Grid(max(_REPEATED, self._size)))
                self._depth += 1
        elif grid is None:
            self._break()
        elif element.tag == "tr":
            grid.start_row(is_head=_is_head(element))
        elif element.tag in {"td", "th"}:
            self._capturing = element

    def _leave_table(self, tag: str) -> None:
        grid = self._grids[-1] if self._grids else None
        if tag == "table" and self._grids:
            self._grids.pop()
            if grid:
                for line in grid.lines():
                    self.builder.new_line()
                    self.builder.write(line)
                self._depth -= 1
        elif grid and tag not in {"td", "th", "tr"}:
            grid.end_group()
        if tag == "table" or grid is None:
            self._break()

    def _end_capture(self, element: _Element) -> None:
        text = "".join(self._captured)
        self._captured.clear()
        self._capturing = None
        if element.tag == "pre":
            self.builder.code(text)
        elif element.tag in {"td", "th"} and (grid := self._grids[-1]):
            rows, columns = _span(element, "rowspan", 0), _span(element, "colspan", 1)
            grid.add(" ".join(text.split()), rows=rows, columns=columns)
        else:
            self.builder.heading(text.rstrip(" ¶"), _level(element))

    def _break_captured(self, tag: str) -> None:
        """Begin a new line at a block, unless one has just begun; `br` begins one in any case."""
        is_block = tag in _BLOCKS or tag in _CAPTURED_BLOCKS
        if is_block and not "".join(self._captured[-2:]).endswith("\n"):
            self._captured.append("\n")

    def _break(self) -> None:
        if self._depth:
            self.builder.new_line()
        else:
            self.builder.end_text()

    def _write(self, text: str | None) -> None:
        if not text:
            return
        self.shows = self.shows or (not self._margins and not text.isspace())
        if self._capturing is not None:
            self._captured.append(text)
        else:
            self.builder.write(_SPACE.sub(" ", text))


def _is_head(row: _Element) -> bool:
    parent = row.getparent()
    in_head = parent is not None and parent.tag == "thead"
    return in_head or (len(row) > 0 and all(cell.tag == "th" for cell in row))


def _is_margin(element: _Element) -> bool:
    """Say whether an element is beside the page proper."""
    return element.tag in _MARGINS or element.get("role") in _MARGIN_ROLES


def _holds_text(element: _Element) -> bool:
    """Say whether an element that is hidden could have been a part of the page proper."""
    if element.tag not in _BLOCKS or element.tag in {"button", "nav"}:
        return False
    return any(text.strip() for text in element.itertext())


def _level(element: _Element) -> int:
    """Return the level of a heading, and 0 for anything else."""
    if element.get("role") != "heading":
        return _HEADINGS.get(element.tag, 0)
    level = element.get("aria-level") or ""
    return min(6, max(1, int(level))) if _DIGITS.fullmatch(level) else 2


def _span(cell: _Element, name: str, least: int) -> int:
    found = _DIGITS.match(cell.get(name) or "")
    return max(least, int(found[0])) if found else 1
