"""Markdown: rendered to HTML by markdown-it, and read as a page.

CommonMark with tables and front matter. What is for a site generator is no text; a placeholder such
as `<your-name>` is no tag.
"""

from __future__ import annotations

import re
import tomllib
from html import escape
from typing import TYPE_CHECKING

from lxml.html import defs
from markdown_it import MarkdownIt
from markdown_it.rules_block import reference
from markdown_it.token import Token

from app.ingestion.loaders.encoding import decode
from app.ingestion.loaders.webpage import read_markup
from gwkit.parsing.loader import Loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore

__all__ = ["load", "split_front_matter"]

# As in Pandoc, a rule before a blank line is a rule.
_YAML = re.compile(r"\s*?---[ \t]*\n(?![ \t]*\n)(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\s*?\+\+\+[ \t]*\n(.*?\n)??\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_NOT_TOML = (tomllib.TOMLDecodeError, RecursionError)
_TOML_LIMIT = 20_000
"""Characters of TOML that are parsed; longer front matter is text."""

_KEY = re.compile(r"""(?:"[^"\n]*"|'[^'\n]*'|[\w.$@/-]+(?:[ ][\w.-]+){0,2})[ \t]*:(?:[ \t]|$)""")
_BELOW = ("#", " ", "\t", "-", "]", "}")
"""First characters of a comment, or of a line that goes on with the value above it."""

_SCALAR = re.compile(r"([A-Za-z_][\w.-]*):[ \t]+(?![|>&#*!\[{])(\S.*)$", re.MULTILINE)
_SCALAR_LIMIT = 1_000
"""Characters of a value; a longer one is no metadata to filter by."""

_ANCHOR = re.compile(r"(?<!\s)\s*+\{:?\s*(?:#|\.)[^{}]*\}\s*$")
_DIRECTIVE = re.compile(
    r"^[ \t]*(?:"
    r"/{3,}(?:[ \t]*[\w-]+)?(?:[ \t]*\|[ \t]*(?P<title>.*))?"  # /// note | Title
    r"|:{3,}[ \t]*(?:\{[^{}\n]*\}|[\w-]+)?(?:[ \t]*\[(?P<label>[^\]\n]*)\])?(?P<words>[ \t][^\n]*)?"
    r"|\{\*.*\*\}|\{!.*!\}"  # {* included/file.py *}
    r")[ \t]*$",
    re.MULTILINE,
)
_STATEMENT = re.compile(
    r"""import\s*(?:\s['"{*\w$][^'";]*?\sfrom\s*)?['"][^'"\n]+['"][ \t]*;?[ \t]*(?:\n|$)"""
    r"|export\s+(?:(?:const|let|var|class)\s+[\w${\[]|(?:async\s+)?function\b|[{*]"
    r"|default\s+(?:(?:async\s+)?function\b|class\b|[({\[]|[\w$.]+\s*(?:[;(=]|$))).*",
    re.DOTALL,
)
_COMMENT = re.compile(r"(?<!`)\{/\*.*?\*/\}", re.DOTALL)
_DATA = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.-]+)*;base64,[A-Za-z0-9+/=]{64,}")
_CLOSING = re.compile(r"</([A-Za-z][\w.:-]*)")
_TAG = re.compile(r"<([A-Za-z][\w.:-]*)(?:[^<>]*[^<>/])?(/?)>")
_PLACEHOLDER = re.compile(r"<[A-Za-z][\w.-]*(?: [\w.-]+)*>")
_NEWER = {"bdi", "data", "dialog", "main", "picture", "search", "slot", "template"}
_ELEMENTS = defs.tags | defs.empty_tags | _NEWER
_INLINE_LIMIT = 20_000
"""Characters of one paragraph that are parsed for inline markup; a longer one stays as written,
since the time of some constructions grows with the square of the length."""

# The library fills its table for escapes in addresses at its first use, and a thread that comes
# meanwhile reads it half empty. Only one thread imports a module, so here it is filled.
MarkdownIt().normalizeLinkText("#")


def load(document: str, data: bytes, /) -> Loaded:
    """Read a Markdown file, as `gwkit.parsing.loader.Loader` says.

    Raises:
        IngestError: the encoding is neither UTF-8 nor marked.
    """
    source = decode(document, data).replace("\r\n", "\n").replace("\r", "\n")
    front_matter, text = split_front_matter(source)
    blocks = read_markup(_rendered(_DATA.sub("#", text)))
    return Loaded(front_matter.get("title", ""), blocks, front_matter | {"type": "markdown"})


class _Parser(MarkdownIt):
    def normalizeLink(self, url: str) -> str:  # noqa: N802  # the library's name
        """Leave the target of a link as it is: it is no text, and takes a fifth of the time."""
        return url


def _rendered(source: str) -> str:
    closed = {name.lower() for name in _CLOSING.findall(source)}

    def plain(tag: re.Match[str]) -> str:
        """Return a start tag; nothing if it could only swallow text, and placeholders as text."""
        name = tag[1].lower()
        if name in defs.empty_tags:
            return tag[0]
        if name not in closed | _ELEMENTS and _PLACEHOLDER.fullmatch(tag[0]):
            return escape(tag[0])
        return tag[0] if (name in closed or " " in tag[0]) and not tag[2] else ""

    def markup(tokens: Sequence[Token], index: int, *_: object) -> str:
        return _TAG.sub(plain, tokens[index].content)

    parser = _Parser("commonmark", {"maxNesting": 100}).enable(["table", "strikethrough"])
    parser.core.ruler.at("inline", _inline)
    parser.block.ruler.at("reference", _reference, {"alt": []})
    rules: dict[str, Callable[..., str]] = {
        "html_inline": markup,
        "html_block": markup,
        "code_inline": lambda tokens, index, *_: escape(f"`{tokens[index].content}`"),
        "image": lambda tokens, index, *_: escape(_alt(tokens[index].children or ())),
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, lambda _self, *arguments, rule=rule: rule(*arguments))
    return str(parser.render(source))


def _reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Parse the target of a link; a footnote, which looks like one, is a paragraph."""
    is_footnote = state.src.startswith("[^", state.bMarks[start] + state.tShift[start])
    return not is_footnote and reference(state, start, end, silent)


def _inline(state: StateCore) -> None:
    """Parse the inline markup of each paragraph and heading, up to a length."""
    for above, token in zip([Token("", "", 0), *state.tokens], state.tokens, strict=False):
        if token.type.startswith("heading") and token.level:
            # A heading inside a list or a quotation says nothing about what follows it.
            token.tag = "p"
        if token.type != "inline":
            continue
        text = _shown(token.content, is_heading=above.type == "heading_open")
        token.children = []
        if len(text) > _INLINE_LIMIT:
            token.children.append(Token("text", "", 0, content=text))
        else:
            state.md.inline.parse(text, state.md, state.env, token.children)


def _shown(text: str, *, is_heading: bool) -> str:
    """Return the source of a paragraph without what is for a site generator."""
    if is_heading:
        return _ANCHOR.sub("", text)
    start = 0
    while match := _STATEMENT.match(text, start):
        start = match.end()
    text = text[start:]
    # Each opening before the last closing has an end, so none is looked for in vain.
    before, end, after = text.rpartition("*/}")
    text = _COMMENT.sub("", before + end) + after
    return _DIRECTIVE.sub(_directive_title, text)


def _directive_title(match: re.Match[str]) -> str:
    return (match["title"] or match["label"] or match["words"] or "").strip()


def _alt(tokens: Sequence[Token]) -> str:
    return "".join(token.content or _alt(token.children or ()) for token in tokens)


def split_front_matter(source: str) -> tuple[dict[str, str], str]:
    """Return the plain values at the top level of the front matter, and the text after it.

    A document that begins with a rule and has another one further down has no front matter, unless
    what is between them is a mapping.
    """
    values: Iterator[tuple[str, str]]
    if (match := _YAML.match(source)) and _is_mapping(match[1] or ""):
        values = _yaml_values(match[1] or "")
    elif (match := _TOML.match(source)) and len(match[0]) <= _TOML_LIMIT:
        try:
            values = _toml_values(tomllib.loads(match[1] or ""))
        except _NOT_TOML:
            return {}, source
    else:
        return {}, source
    found = {key: value for key, value in values if 0 < len(value) <= _SCALAR_LIMIT}
    return found, source[match.end() :]


def _is_mapping(front_matter: str) -> bool:
    """Return whether each line is a key with its value, or belongs to the value above it."""
    lines = [line for line in front_matter.splitlines() if line.strip() and line[0] != "#"]
    if lines and not _KEY.match(lines[0]):
        return False
    return all(_KEY.match(line) or line.startswith(_BELOW) for line in lines)


def _yaml_values(front_matter: str) -> Iterator[tuple[str, str]]:
    """Yield the plain `key: value` lines at the top level; the rest of YAML is left alone."""
    for line in front_matter.splitlines():
        if match := _SCALAR.match(line):
            value = match[2].strip()
            is_quoted = value[0] in "'\"" and value[-1] == value[0]
            yield match[1], value[1:-1] if is_quoted else value.split(" #")[0].rstrip()


def _toml_values(values: dict[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if not isinstance(value, dict | list):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield key, " ".join(text.split())
