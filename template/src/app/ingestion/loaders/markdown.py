"""Markdown through markdown-it: CommonMark with tables and front matter, as a reader sees it.

Link targets, HTML tags, comments and what is for a site generator are not text that a reader sees,
so they are dropped; a placeholder such as `<your-name>` is no tag.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree
from lxml.html import defs
from markdown_it import MarkdownIt

from app.ingestion.loaders.builder import BlockBuilder
from app.ingestion.loaders.encoding import decode
from app.ingestion.loaders.frontmatter import split_front_matter
from app.ingestion.loaders.mdx import plain_markup, without_comments, without_modules
from app.ingestion.loaders.visibility import is_unseen
from app.ingestion.loaders.webpage import read_markup
from gwkit.parsing.ports import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it.token import Token

__all__ = ["load"]

_ANCHOR = re.compile(r"(?<!\s)\s*+\{:?\s*(?:#|\.)[^{}]*\}\s*$")
_DIRECTIVE = re.compile(
    r"^[ \t]*(?:"
    r"/{3,}(?:[ \t]*[\w-]+)?(?:[ \t]*\|[ \t]*(?P<title>.*))?"  # /// note | Title
    r"|:{3,}[ \t]*(?:\{[^{}\n]*\}|[\w-]+)?(?:[ \t]*\[(?P<label>[^\]\n]*)\])?(?P<words>[ \t][^\n]*)?"
    r"|\{\*.*\*\}|\{!.*!\}"  # {* included/file.py *}
    r")[ \t]*$",
    re.MULTILINE,
)
_MARKUP = re.compile(r"[\\`*_~<&!\[\]\n]")
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=]{64,}")
_CLOSING = re.compile(r"</([A-Za-z][\w.:-]*)")
_PLACEHOLDER = re.compile(r"<([A-Za-z][\w.-]*)(?:[ ][\w.-]+)*>")
_TAG = re.compile(r"<([A-Za-z][\w.:-]*)")
# fmt: off
_ELEMENTS = defs.tags | defs.empty_tags | {
    "article", "aside", "audio", "bdi", "canvas", "data", "datalist", "details", "dialog", "embed",
    "figcaption", "figure", "footer", "header", "hgroup", "main", "mark", "math", "meter", "nav",
    "output", "picture", "progress", "rp", "rt", "ruby", "search", "section", "slot", "source",
    "summary", "svg", "template", "time", "track", "video", "wbr",
}
# fmt: on
_INLINE_LIMIT = 20_000
"""Characters of one paragraph that are parsed for inline markup; a longer one stays as written,
since the time of some constructions grows with the square of the length."""


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Markdown file, as `gwkit.parsing.ports.Loader` says.

    Raises:
        IngestError: the encoding is neither UTF-8 nor marked.
    """
    source = decode(document, data).replace("\r\n", "\n").replace("\r", "\n")
    front_matter, text = split_front_matter(source)
    reader = _Reader()
    reader.read(_DATA.sub("#", without_modules(text)))
    title = front_matter.get("title", "")
    return Loaded(title, reader.finish(), front_matter | {"type": "markdown"})


class _Reader(BlockBuilder):
    """Turns the tokens of a document into blocks."""

    def __init__(self) -> None:
        super().__init__()
        # Inline markup is parsed here and not by the library's own pass, which has no limit.
        self._parser = MarkdownIt("commonmark", {"maxNesting": 100})
        self._parser.enable(["table", "strikethrough"]).disable(["inline", "text_join"])
        self._references: dict[str, object] = {}
        self._closed: set[str] = set()  # names of elements with an end tag
        self._depth = 0  # of lists and tables, whose parts stay in one block
        self._heading = 0  # level of the open heading
        self._cells = 0  # of the table row so far
        self._hiding = ""  # the name of an element that hides the blocks in it
        self._opened = 0  # elements of this name that are open

    def read(self, source: str) -> None:
        """Add a whole document."""
        self._closed = {name.lower() for name in _CLOSING.findall(source)}
        for token in self._parser.parse(source, self._references):
            self._read_token(token)

    def _read_token(self, token: Token) -> None:
        if self._hiding:
            is_markup = token.type == "html_block" and token.level == 0
            self._opened += _balance(token.content, self._hiding) if is_markup else 0
            self._hiding = self._hiding if self._opened > 0 else ""
            return
        match token.type:
            case "inline" if self._heading:
                self.heading(_ANCHOR.sub("", self._visible(token.content)), self._heading)
            case "inline":
                self.write(self._visible(_DIRECTIVE.sub(_shown, token.content)))
            case "heading_open":
                # A heading inside a list or a quotation says nothing about what follows it.
                self._heading = 0 if token.level else int(token.tag[1])
            case "heading_close" | "paragraph_close":
                self._heading = 0
                self._break()
            case "fence" | "code_block":
                self.code(token.content)
            case "html_block":
                self._read_html(token)
            case _:
                self._read_container(token)

    def _read_html(self, token: Token) -> None:
        self._break()
        markup = _PLACEHOLDER.sub(self._escaped, plain_markup(token.content))
        read_markup(markup, self)
        # What is Markdown between the tags of such an element is hidden, too.
        name = self._hidden(markup)
        if name not in {"", "p"} and token.level == 0 and (opened := _balance(markup, name)) > 0:
            self._hiding, self._opened = name, opened

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
        source = without_comments(source)
        if len(source) > _INLINE_LIMIT or not _MARKUP.search(source):
            return source
        tokens: list[Token] = []
        self._parser.inline.parse(source, self._parser, self._references, tokens)
        return "".join(self._texts(tokens))

    def _texts(self, tokens: Iterable[Token]) -> Iterator[str]:
        hidden = ""  # the name of the element that is open and hides what follows
        for token in tokens:
            if hidden:
                hidden = "" if token.content.lower().startswith(f"</{hidden}") else hidden
                continue
            match token.type:
                case "text" | "text_special":
                    yield token.content
                case "code_inline":
                    yield f"`{token.content}`"
                case "softbreak":
                    yield " "
                case "hardbreak":
                    yield "\n"
                case "html_inline":
                    hidden = self._hidden(token.content)
                    yield "\n" if token.content.startswith("<br") else ""
                    yield token.content if self._is_placeholder(token.content) else ""
                case "image":
                    yield from self._texts(token.children or ())
                case _:
                    pass

    def _is_placeholder(self, tag: str) -> bool:
        """Say whether a tag is of no known element, and nothing in the document ends it."""
        match = _PLACEHOLDER.fullmatch(tag)
        name = match[1].lower() if match else ""
        return bool(name) and name not in _ELEMENTS and name not in self._closed

    def _escaped(self, tag: re.Match[str]) -> str:
        return f"&lt;{tag[0][1:]}" if self._is_placeholder(tag[0]) else tag[0]

    def _hidden(self, tag: str) -> str:
        """Return the name of the element that a start tag opens, if it shows nothing."""
        match = _TAG.match(tag)
        name = match[1].lower() if match and not tag.endswith("/>") else ""
        has_end = name in self._closed or " " in tag
        if not name or not has_end or name in defs.empty_tags or name == "button":
            return ""
        root = etree.fromstring(tag.encode(errors="replace"), etree.HTMLParser(encoding="utf-8"))
        element = None if root is None else next(root.iter(name), None)
        return name if element is not None and is_unseen(element) else ""


def _balance(markup: str, name: str) -> int:
    """Return how many elements of a name begin in some markup, less those that end."""
    opened = [tag.lower() == name for tag in _TAG.findall(markup)].count(True)
    return opened - [tag.lower() == name for tag in _CLOSING.findall(markup)].count(True)


def _shown(directive: re.Match[str]) -> str:
    return directive["title"] or directive["label"] or (directive["words"] or "").strip()
