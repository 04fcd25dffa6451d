"""Splits passages into what an answer can quote: sentences, list items, table rows, code.

A passage is text as a reader sees it: blocks with a blank line between them, a list item or table
row to a line, the cells of a row between bars, code in a fence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gwkit.text.sentences import is_inner_stop
from gwkit.text.words import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LIST_MARKER", "Quote", "QuoteKind", "quotes"]

_FENCED = re.compile(
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_LINE = re.compile(r"[^\n]*\n?")
LIST_MARKER = re.compile(r"[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+(?=\S)")
"""Expression of what stands before an item of a list."""
_DIGIT = re.compile(r"\d")
_CODE_SPAN = re.compile(r"`[^`]*`")
_SENTENCE_END = re.compile(
    r"(?<=[.!?…])[\"')*_\u201d\u2019»]*(?P<space>\s+)(?=[\"'(*_`\u201c\u201e«¿¡]*[^\W_a-zß-öø-ÿ])"
    # No space follows the full stops of Chinese and Japanese.
    r"|(?<=[\u3002\uff01\uff1f])[\u201d\u300d\u300f\uff09]*(?P<none>\s*)"
)
_ASKING = ("?", "\uff1f")
_SHORTEST_SENTENCE = 3
_LONGEST_TITLE = 12


class QuoteKind(StrEnum):
    """Kinds of quotes, as an answer's layout tells them apart."""

    LEAD = "lead"
    """A title, a question or the names of columns: what stands below it answers, not itself."""
    SENTENCE = "sentence"
    ITEM = "item"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Quote:
    """The smallest part of a passage that can stand in an answer: `text[start:end]`."""

    kind: QuoteKind
    start: int
    end: int
    words: frozenset[str]


def quotes(text: str, language: str = "en") -> list[Quote]:
    """Return what can be quoted of a passage's text, in its order.

    Args:
        text: of the passage.
        language: whose stems the `words` are, one of `gwkit.text.stop_words.STOP_WORDS`.
    """
    found: list[Quote] = []
    for kind, first, last in _parts(text):
        start = last - len(text[first:last].lstrip())
        end = first + len(text[first:last].rstrip())
        if start < end:
            found.append(Quote(kind, start, end, vocabulary(text[start:end], language)))
    return found


def _parts(text: str) -> Iterator[tuple[QuoteKind, int, int]]:
    start = 0
    for fenced in _FENCED.finditer(text):
        yield from _unfenced(text, start, fenced.start())
        yield QuoteKind.CODE, fenced.start(), fenced.end()
        start = fenced.end()
    yield from _unfenced(text, start, len(text))


def _unfenced(text: str, start: int, end: int) -> Iterator[tuple[QuoteKind, int, int]]:
    """Yield items, rows, and the sentences of paragraphs."""
    kind: QuoteKind | None = None
    for line in _LINE.finditer(text, start, end):
        new = _kind(line[0], kind)
        # A line after an item goes on with it.
        if not (new is QuoteKind.SENTENCE and kind in {QuoteKind.SENTENCE, QuoteKind.ITEM}):
            yield from _split(kind, text, start, line.start())
            kind, start = new, line.start()
    yield from _split(kind, text, start, end)


def _kind(line: str, before: QuoteKind | None) -> QuoteKind | None:
    if not line.strip():
        return None
    if LIST_MARKER.match(line):
        return QuoteKind.ITEM
    if line.startswith("|") or " | " in _CODE_SPAN.sub("", line):
        # The first row of a table names its columns, unless it has values.
        follows = before in {QuoteKind.ROW, QuoteKind.LEAD}
        return QuoteKind.ROW if follows or _DIGIT.search(line) else QuoteKind.LEAD
    return QuoteKind.SENTENCE


def _split(
    kind: QuoteKind | None, text: str, start: int, end: int
) -> Iterator[tuple[QuoteKind, int, int]]:
    if kind is QuoteKind.SENTENCE:
        for first, last in _sentences(text, start, end):
            said = text[first:last].strip()
            leads = said.endswith(_ASKING) or _is_title(said)
            yield QuoteKind.LEAD if leads else kind, first, last
    elif kind:
        yield kind, start, end


def _is_title(said: str) -> bool:
    ends = said[-1:].isalnum() or said.endswith(("`", ")", '"', "'"))
    return said.startswith("#") or (ends and len(said.split()) <= _LONGEST_TITLE)


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for stop in _SENTENCE_END.finditer(text, start, end):
        at = stop.start("space" if stop["none"] is None else "none")
        # What is as short as `Yes.` says nothing without the sentence after it. Looking only at
        # both ends of a sentence keeps the time linear in the text.
        is_long = stop["space"] is None or (
            len(text[start : min(at, start + 60)].split()) >= _SHORTEST_SENTENCE
        )
        if is_long and not is_inner_stop(text, at):
            yield start, at
            start = stop.end()
    yield start, end
