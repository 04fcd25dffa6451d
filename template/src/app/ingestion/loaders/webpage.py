"""HTML through lxml: what a reader sees of a page, as blocks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import decode
from app.ingestion.loaders.visibility import is_unseen
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["load", "read_markup"]

# fmt: off
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LISTS = frozenset({"dl", "menu", "ol", "ul"})
_BREAKS = frozenset({"br", "dd", "dt", "hr", "tr"})
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "details", "dialog", "div",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "html", "legend", "main", "nav",
    "p", "search", "section", "summary",
})
# fmt: on
_SPACE = re.compile(r"\s+")
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_CHARSET_WITHIN = 1024
"""Bytes in which a page must declare its encoding (HTML standard, section 4.2.5.4)."""


def load(document: str, data: bytes, /) -> Loaded:
    """Read an HTML page, as `gwkit.parsing.ports.Loader` says.

    Raises:
        IngestError: the encoding is neither UTF-8 nor marked nor declared.
    """
    charset = _CHARSET.search(data[:_CHARSET_WITHIN])
    markup = decode(document, data, declared=charset[1].decode("ascii") if charset else "")
    builder = BlockBuilder()
    title = read_markup(markup, builder)
    return Loaded(title, builder.finish(), {"type": "html"})


def read_markup(markup: str, builder: BlockBuilder) -> str:
    """Add what a page or a part of one shows to `builder`, and return its `<title>`.

    Raises:
        ValueError: the page is nested deeper than any parser goes.
    """
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True
    )
    root = etree.fromstring(markup.encode(errors="replace"), parser) if markup.strip() else None
    # The parser leaves out what is beyond its limits, and goes on.
    if beyond := parser.error_log.filter_types([etree.ErrorTypes.ERR_RESOURCE_LIMIT]):
        raise ValueError(beyond[0].message)
    if root is None:
        return ""
    _Walk(builder).through(root)
    return " ".join((root.findtext(".//head/title") or "").split())


class _Walk:
    """One pass through a tree, without recursion, for pages nest as deep as they like."""

    def __init__(self, builder: BlockBuilder) -> None:
        self._builder = builder
        self._depth = 0  # of lists and tables, whose parts stay in one block
        self._cells = 0  # of the table row so far
        self._captured: list[str] | None = None  # the text of a heading or of preformatted text

    def through(self, root: _Element) -> None:
        walk = etree.iterwalk(root, events=("start", "end"))
        skipped: _Element | None = None
        for event, element in walk:
            if event == "start":
                if is_unseen(element):
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
        if self._captured is not None:
            self._captured.append("\n" if tag in _BREAKS else "")
        elif tag == "pre" or (tag in _HEADINGS and not self._depth):
            self._builder.end_text()
            self._captured = []
        elif tag in _LISTS or tag == "table":
            self._break()
            self._depth += 1
        elif tag == "li":
            self._builder.marker("  " * (self._depth - 1) + "- ")
        elif tag in {"td", "th"}:
            self._builder.write(" | " if self._cells else "")
            self._cells += 1
        elif tag in _BREAKS:
            self._builder.new_line()
            self._cells = 0
        elif tag in _BLOCKS or tag in _HEADINGS:
            self._break()
        if tag == "img":
            self._write(element.get("alt"))

    def _leave(self, element: _Element) -> None:
        tag = element.tag
        if self._captured is not None:
            if tag == "pre":
                self._builder.code("".join(self._captured))
                self._captured = None
            elif tag in _HEADINGS:
                self._builder.heading("".join(self._captured).rstrip(" ¶"), _HEADINGS[tag])
                self._captured = None
        elif tag in _LISTS or tag == "table":
            self._depth -= 1
            self._break()
        elif tag in _BLOCKS or tag in _HEADINGS:
            self._break()

    def _break(self) -> None:
        if self._depth:
            self._builder.new_line()
        else:
            self._builder.end_text()

    def _write(self, text: str | None) -> None:
        if not text:
            return
        if self._captured is not None:
            self._captured.append(text)
        else:
            self._builder.write(_SPACE.sub(" ", text))
