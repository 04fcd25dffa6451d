"""Markdown through markdown-it: CommonMark with tables and front matter, as a reader sees it.

Link targets, HTML tags, comments and the directives of site generators are not text that a reader
sees, so they are dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import decode
from app.ingestion.loaders.webpage import read_markup
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it.token import Token

__all__ = ["load"]

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_SCALAR = re.compile(r"^([A-Za-z_][\w.-]*):[ \t]+(\S.*)$", re.MULTILINE)
_NOT_SCALAR = tuple("#|>&*!{[")
_SCALAR_LIMIT = 1_000
"""Characters of a front matter value; a longer one is no metadata to filter by."""

_ANCHOR = re.compile(r"\s*\{:?\s*(?:#|\.)[^{}]*\}\s*$")
_DIRECTIVE = re.compile(
    r"^[ \t]*(?:"
    r"/{3,}(?:[ \t]*[\w-]+)?(?:[ \t]*\|[ \t]*(?P<title>.*))?"  # /// note | Title
    r"|\{\*.*\*\}|\{!.*!\}"  # {* included/file.py *}
    r")[ \t]*$",
    re.MULTILINE,
)
_MARKUP = re.compile(r"[\\`*_~<&!\[\]\n]")
_INLINE_LIMIT = 20_000
"""Characters of one paragraph that are parsed for inline markup; a longer one stays as written,
since the time of some constructions grows with the square of the length."""


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Markdown file, as `gwkit.parsing.ports.Loader` says.

    Raises:
        IngestError: the encoding is neither UTF-8 nor marked.
    """
    source = decode(document, data).replace("\r\n", "\n").replace("\r", "\n")
    front_matter: dict[str, str] = {}
    if match := _FRONT_MATTER.match(source):
        front_matter = dict(_scalars(match[1] or ""))
        source = source[match.end() :]
    reader = _Reader()
    reader.read(source)
    title = front_matter.get("title", "")
    return Loaded(title, reader.finish(), front_matter | {"type": "markdown"})


def _scalars(front_matter: str) -> Iterator[tuple[str, str]]:
    """Yield the plain `key: value` lines at the top level; the rest of YAML is left alone."""
    for key, raw in _SCALAR.findall(front_matter):
        value = raw.strip()
        if value[0] in "'\"" and value[-1] == value[0]:
            value = value[1:-1]
        else:
            value = value.split(" #")[0].rstrip()
        if value and len(value) <= _SCALAR_LIMIT and not raw.startswith(_NOT_SCALAR):
            yield key, value


class _Reader(BlockBuilder):
    """Turns the tokens of a document into blocks."""

    def __init__(self) -> None:
        super().__init__()
        # Inline markup is parsed here and not by the library's own pass, which has no limit.
        self._parser = MarkdownIt("commonmark", {"maxNesting": 100})
        self._parser.enable(["table", "strikethrough"]).disable(["inline", "text_join"])
        self._references: dict[str, object] = {}
        self._depth = 0  # of lists and tables, whose parts stay in one block
        self._heading = 0  # level of the open heading
        self._cells = 0  # of the table row so far

    def read(self, source: str) -> None:
        """Add a whole document."""
        for token in self._parser.parse(source, self._references):
            self._read_token(token)

    def _read_token(self, token: Token) -> None:
        match token.type:
            case "inline" if self._heading:
                self.heading(_ANCHOR.sub("", self._visible(token.content)), self._heading)
            case "inline":
                self.write(self._visible(_DIRECTIVE.sub(r"\g<title>", token.content)))
            case "heading_open":
                # A heading inside a list or a quotation says nothing about what follows it.
                self._heading = 0 if token.level else int(token.tag[1])
            case "heading_close" | "paragraph_close":
                self._heading = 0
                self._break()
            case "fence" | "code_block":
                self.code(token.content)
            case "html_block":
                self._break()
                read_markup(token.content, self)
            case _:
                self._read_container(token)

    def _read_container(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open" | "table_open":
                self._break()
                self._depth += 1
            case "bullet_list_close" | "ordered_list_close" | "table_close":
                self._depth -= 1
                self._break()
            case "list_item_open":
                # Only an ordered list gives its items a number.
                bullet = f"{token.info}{token.markup}" if token.info else "-"
                self.marker("  " * (self._depth - 1) + bullet + " ")
            case "tr_open":
                self.new_line()
                self._cells = 0
            case "td_open" | "th_open":
                self.write(" | " if self._cells else "")
                self._cells += 1
            case _:
                pass

    def _break(self) -> None:
        if self._depth:
            self.new_line()
        else:
            self.end_text()

    def _visible(self, source: str) -> str:
        """Return what a reader sees of a paragraph's source."""
        if len(source) > _INLINE_LIMIT or not _MARKUP.search(source):
            return source
        tokens: list[Token] = []
        self._parser.inline.parse(source, self._parser, self._references, tokens)
        return "".join(_texts(tokens))


def _texts(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "text" | "text_special":
                yield token.content
            case "code_inline":
                yield f"`{token.content}`"
            case "softbreak":
                yield " "
            case "hardbreak":
                yield "\n"
            case "html_inline" if token.content.startswith("<br"):
                yield "\n"
            case "image":
                yield from _texts(token.children or ())
            case _:
                pass
