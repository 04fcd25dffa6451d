"""HTML through lxml: what a reader sees of a page, as blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from app.exceptions import IngestError
from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import declared_encoding, decode
from app.ingestion.loaders.tables import Grid
from app.ingestion.loaders.visibility import SUSPECTS, is_unseen
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
    "html", "legend", "main", "nav", "p", "search", "section", "summary", "table", "tbody", "td",
    "tfoot", "th", "thead", "tr",
})
_MARGINS = frozenset({"a", "aside", "dialog", "footer", "header"})
_MARGIN_ROLES = frozenset({
    "alertdialog", "banner", "contentinfo", "dialog", "progressbar", "status",
})
# fmt: on
_LINES = _BLOCKS | {"dd", "dt", "hr", "li"}
"""Begin a line of their own within a heading, a cell or preformatted text."""


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
    # A page without other text is one that a script fades in, or that lies behind a dialog.
    for fades_in in (False, True):
        root = _parse(markup)
        title = " ".join((root.findtext(".//head/title") or "").split())
        hides = _clear_unseen(root, fades_in=fades_in)
        if not hides or _shows(root):
            return Loaded(title, _Reader(len(markup)).read(root), {"type": "html"})
    raise IngestError(document, "hides all of its text; save it as a browser shows it")


def read_markup(markup: str) -> tuple[Block, ...]:
    """Return the blocks that some markup shows.

    Raises:
        ValueError: it is nested deeper than any parser goes.
    """
    root = _parse(markup)
    _clear_unseen(root, fades_in=False)
    return _Reader(len(markup)).read(root)


def _parse(markup: str) -> _Element:
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    root = etree.fromstring(markup.encode(errors="replace"), parser) if markup.strip() else None
    # The parser leaves out what is beyond its limits, and goes on.
    if beyond := parser.error_log.filter_types([etree.ErrorTypes.ERR_RESOURCE_LIMIT]):
        raise ValueError(beyond[0].message)
    return etree.Element("html") if root is None else root


def _clear_unseen(root: _Element, *, fades_in: bool) -> bool:
    """Empty what no reader sees, and return whether that may have been text of the page proper."""
    unseen = []
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        suspect = element.attrib or element.tag in SUSPECTS
        if suspect and is_unseen(element, fades_in=fades_in):
            unseen.append(element)
            walk.skip_subtree()
    hides = any(map(_holds_text, unseen))
    for element in unseen:
        element.clear(keep_tail=True)
        element.tag = "div" if element.tag in _BLOCKS else "span"
    return hides


def _holds_text(element: _Element) -> bool:
    if element.tag not in _BLOCKS or element.tag in {"button", "nav"}:
        return False
    return any(text.strip() for text in element.itertext())


def _shows(root: _Element) -> bool:
    """Return whether there is text in the page proper: outside links, headers and dialogs."""
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        texts = [element.tail]
        if element.tag in _MARGINS or element.get("role") in _MARGIN_ROLES:
            walk.skip_subtree()
        else:
            texts += [element.text, element.get("alt")]
        if any(text and not text.isspace() for text in texts):
            return True
    return False


class _Reader(BlockBuilder):
    """Reads a tree in one pass, without recursion, since pages nest arbitrarily deep."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._room = max(_REPEATED, size)
        self._numbers: list[int] = []  # next number of the open lists, which stay in one block
        self._grid: Grid | None = None  # of the open table, unless it only places things

    def read(self, root: _Element) -> tuple[Block, ...]:
        """Return the blocks of a tree."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                self._leave(element)
                self._write(element.tail)
            elif self._read_whole(element):
                walk.skip_subtree()
            else:
                self._enter(element)
                self._write(element.get("alt") if element.tag == "img" else element.text)
        return self.finish()

    def _read_whole(self, element: _Element) -> bool:
        """Read a heading, a cell or preformatted text, and return whether it was one."""
        level = 0 if self._in_group else _level(element)
        if element.tag == "pre":
            self.code(_text(element))
        elif level:
            self.heading(_text(element).rstrip(" ¶"), level)
        elif self._grid and element.tag in {"td", "th"}:
            rows, columns = _number(element, "rowspan", 1), _number(element, "colspan", 1)
            text = " ".join(_text(element).split())
            self._grid.add(text, rows=rows, columns=max(1, columns))
        else:
            return False
        return True

    def _enter(self, element: _Element) -> None:
        tag = element.tag
        if tag in _LISTS:
            self._break()
            self._numbers.append(_number(element, "start", 1) if tag == "ol" else 0)
        elif tag == "li":
            self.marker(self._bullet())
        elif tag in _BREAKS:
            self.new_line()
        elif _is_block(element):
            self._break()
        if tag == "table" and _has_values(element):
            self._grid = Grid(self._room)
        elif tag == "tr" and self._grid:
            self._grid.start_row(is_head=_is_head(element))

    def _leave(self, element: _Element) -> None:
        tag = element.tag
        if self._grid and tag in {"tbody", "tfoot", "thead"}:
            self._grid.end_group()
        elif self._grid and tag == "table":
            for line in self._grid.lines():
                self.new_line()
                self.write(line)
            self._grid = None
        if tag in _LISTS:
            self._numbers.pop()
        if tag in _LISTS or _is_block(element):
            self._break()

    def _bullet(self) -> str:
        indent = "  " * (len(self._numbers) - 1)
        if not self._numbers or not self._numbers[-1]:
            return f"{indent}- "
        self._numbers[-1] += 1
        return f"{indent}{self._numbers[-1] - 1}. "

    @property
    def _in_group(self) -> bool:
        """Whether a list or a table is open, whose parts stay in one block."""
        return bool(self._numbers or self._grid)

    def _break(self) -> None:
        if self._in_group:
            self.new_line()
        else:
            self.end_text()

    def _write(self, text: str | None) -> None:
        self.write(_SPACE.sub(" ", text or ""))


def _text(whole: _Element) -> str:
    """Return all text of an element, with its blocks on lines of their own."""
    parts: list[str] = []
    for event, element in etree.iterwalk(whole, events=("start", "end")):
        if element is not whole and element.tag in _LINES and not parts[-1].endswith("\n"):
            parts.append("\n")
        if event == "end":
            found = element.tail if element is not whole else ""
        else:
            start = {"br": "\n", "li": "- ", "img": element.get("alt") or ""}.get(element.tag, "")
            found = start + (element.text or "")
        parts += [found] if found or not parts else []
    return "".join(parts)


def _has_values(table: _Element) -> bool:
    """Return whether a table does not only place things on the page, such as other tables."""
    is_layout = table.get("role") in {"none", "presentation"}
    return not is_layout and next(table.iterdescendants("pre", "table"), None) is None


def _is_head(row: _Element) -> bool:
    parent = row.getparent()
    in_head = parent is not None and parent.tag == "thead"
    return in_head or (row.find("th") is not None and row.find("td") is None)


def _is_block(element: _Element) -> bool:
    return element.tag in _BLOCKS or _level(element) > 0


def _level(element: _Element) -> int:
    """Return the level of a heading, and 0 for anything else."""
    if element.get("role") != "heading":
        return _HEADINGS.get(element.tag, 0)
    return min(6, max(1, _number(element, "aria-level", 2)))


def _number(element: _Element, name: str, default: int) -> int:
    found = _DIGITS.match(element.get(name) or "")
    return int(found[0]) if found else default
