"""HTML through lxml: what a reader sees of a page, as blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from app.exceptions import IngestError
from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import declared_encoding, decode
from app.ingestion.loaders.tables import Grid
from app.ingestion.loaders.visibility import UNSEEN, is_unseen
from gwkit.parsing.loader import Loaded

if TYPE_CHECKING:
    from lxml.etree import _Element  # allow DEP5: its documented name

    from gwkit.documents import Block

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
    """Read an HTML page, as `gwkit.parsing.loader.Loader` says.

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
    walk = _Walk(root, len(markup))
    if not walk.shows and walk.hides:
        # A page that is faded in by a script, or lies behind a dialog.
        walk = _Walk(root, len(markup), fades_in=True)
        if not walk.shows and walk.hides:
            raise IngestError(document, "hides all of its text; save it as a browser shows it")
    title = " ".join((root.findtext(".//head/title") or "").split())
    return Loaded(title, walk.blocks, {"type": "html"})


def read_markup(markup: str) -> tuple[Block, ...]:
    """Return what some markup shows.

    Raises:
        ValueError: it is nested deeper than any parser goes.
    """
    root = _parse(markup)
    return () if root is None else _Walk(root, len(markup)).blocks


def _parse(markup: str) -> _Element | None:
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    root = etree.fromstring(markup.encode(errors="replace"), parser) if markup.strip() else None
    # The parser leaves out what is beyond its limits, and goes on.
    if beyond := parser.error_log.filter_types([etree.ErrorTypes.ERR_RESOURCE_LIMIT]):
        raise ValueError(beyond[0].message)
    return root


class _Walk:
    """One pass through a tree, without recursion, since pages nest arbitrarily deep.

    Afterwards `shows` says whether there is text in the page proper, and `hides` whether some of it
    is hidden.
    """

    def __init__(self, root: _Element, size: int, *, fades_in: bool = False) -> None:
        self.shows = False
        self.hides = False
        self._builder = BlockBuilder()
        self._size = size
        self._margins = 0  # open links, headers, footers and dialogs
        self._numbers: list[int] = []  # next number of the open lists, which stay in one block
        self._grids: list[Grid | None] = []  # of the open tables; none for one that is layout
        self._captured: list[str] = []  # the text of a heading, a cell or of preformatted text
        self._capturing: _Element | None = None
        walk = etree.iterwalk(root, events=("start", "end"))
        skipped: _Element | None = None
        for event, element in walk:
            if event == "start":
                may_hide = element.attrib or element.tag in UNSEEN or element.tag == "button"
                if may_hide and is_unseen(element, fades_in=fades_in):
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
        self.blocks = self._builder.finish()

    def _enter(self, element: _Element) -> None:
        tag = element.tag
        self._margins += _is_margin(element)
        if self._capturing is not None:
            self._break_captured(tag)
            self._captured.append({"br": "\n", "li": "- "}.get(tag, ""))
        elif tag == "pre" or (_level(element) and not self._in_group):
            self._builder.end_text()
            self._capturing = element
        elif tag in _TABLES:
            self._enter_table(element)
        elif tag in _LISTS:
            self._break()
            self._numbers.append(_number(element, "start", 1) if tag == "ol" else 0)
        elif tag == "li":
            self._builder.marker(self._marker())
        elif tag in _BREAKS:
            self._builder.new_line()
        elif tag in _BLOCKS or _level(element):
            self._break()
        if tag == "img":
            self._write(element.get("alt"))

    def _marker(self) -> str:
        number = self._numbers[-1] if self._numbers else 0
        if number:
            self._numbers[-1] += 1
        bullet = f"{number}." if number else "-"
        return f"{'  ' * (len(self._numbers) - 1)}{bullet} "

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
            self._numbers.pop()
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
                    self._builder.new_line()
                    self._builder.write(line)
        elif grid and tag not in {"td", "th", "tr"}:
            grid.end_group()
        if tag == "table" or grid is None:
            self._break()

    def _end_capture(self, element: _Element) -> None:
        text = "".join(self._captured)
        self._captured.clear()
        self._capturing = None
        if element.tag == "pre":
            self._builder.code(text)
        elif element.tag in {"td", "th"} and (grid := self._grids[-1]):
            rows, columns = _number(element, "rowspan", 1), _number(element, "colspan", 1)
            grid.add(" ".join(text.split()), rows=rows, columns=max(1, columns))
        else:
            self._builder.heading(text.rstrip(" ¶"), _level(element))

    def _break_captured(self, tag: str) -> None:
        """Begin a new line at a block, unless one has just begun; `br` begins one in any case."""
        is_block = tag in _BLOCKS or tag in _CAPTURED_BLOCKS
        if is_block and not "".join(self._captured[-2:]).endswith("\n"):
            self._captured.append("\n")

    @property
    def _in_group(self) -> bool:
        """Whether a list or a table is open, whose parts stay in one block."""
        return bool(self._numbers) or any(self._grids)

    def _break(self) -> None:
        if self._in_group:
            self._builder.new_line()
        else:
            self._builder.end_text()

    def _write(self, text: str | None) -> None:
        if not text:
            return
        self.shows = self.shows or (not self._margins and not text.isspace())
        if self._capturing is not None:
            self._captured.append(text)
        else:
            self._builder.write(_SPACE.sub(" ", text))


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


def _number(element: _Element, name: str, default: int) -> int:
    found = _DIGITS.match(element.get(name) or "")
    return int(found[0]) if found else default
