"""Splitting a text that is too long, at the best places it has: spans of it, end to end."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from gwkit.documents import BlockKind
from gwkit.text.characters import count_tokens
from gwkit.text.sentences import SENTENCE_END, is_inner_stop, sentence_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gwkit.documents import Block

__all__ = ["Span", "first_words", "sentences", "split", "table_header"]

_BLANK_LINES = re.compile(r"\n\n+")
_LINES = re.compile(r"\n")
_BAR = re.compile(r"\S[ ]\||\|[ ]\S")
_VALUE = re.compile(r"(?<![^\W_])(?!(?:19|20)\d\d(?!\d))\d")
"""A number, but for a year, and for what stands in a name such as `Q1`."""

_HEADER_WITHIN = 3
"""Lines in which the names of a table's columns stand: a caption may go before them."""

_WIDTH = 4
"""Characters to try for a token: right for ASCII, and shortened from there for anything else."""


class Span(NamedTuple):
    """A part `text[start:end]` of a block's text, and its tokens."""

    start: int
    end: int
    tokens: int


def split(block: Block, *, limit: int, grain: int) -> Iterator[Span]:
    """Yield spans of at most `limit` tokens that cover a block's text without a gap.

    Where a single sentence or line exceeds the limit, it is cut into pieces of `grain` tokens:
    between words, or within a word that is longer than that.
    """
    boundaries = [_BLANK_LINES, SENTENCE_END, _LINES]
    # A row is no prose, whatever its cells hold.
    if block.kind is BlockKind.CODE or table_header(block):
        boundaries.remove(SENTENCE_END)
    whole = Span(0, len(block.text), count_tokens(block.text))
    yield from _split(block.text, whole, boundaries, limit, grain)


def table_header(block: Block) -> str:
    """Return the lines of a table to the end of the one that names its columns, if it has one.

    A row of values names nothing: half of its cells or more hold numbers.
    """
    lines = block.text.split("\n", _HEADER_WITHIN + 1)
    if block.kind is not BlockKind.TEXT:
        return ""
    for number, (line, below) in enumerate(pairwise(lines[: _HEADER_WITHIN + 1]), 1):
        if _BAR.search(line) and _BAR.search(below):
            cells = line.split("|")
            values = [cell for cell in cells if _VALUE.search(cell)]
            return "\n".join((*lines[:number], "")) if 2 * len(values) < len(cells) else ""
    return ""


def sentences(text: str) -> Sequence[Span]:
    """Return the sentences of a text, with the space after each."""
    return [Span(start, end, count_tokens(text[start:end])) for start, end in sentence_spans(text)]


def first_words(text: str, limit: int) -> str:
    """Return the first words of a text and an ellipsis, at most `limit` tokens together."""
    end = _fitting(text, 0, len(text), limit - count_tokens("…"))
    return text[:end].rstrip() + "…"


def _split(
    text: str, span: Span, boundaries: Sequence[re.Pattern[str]], limit: int, grain: int
) -> Iterator[Span]:
    if span.tokens <= limit:
        yield span
    elif boundaries:
        for part in _between(text, span, boundaries[0]):
            yield from _split(text, part, boundaries[1:], limit, grain)
    else:
        start = span.start
        while start < span.end:
            stop = _fitting(text, start, span.end, grain)
            yield Span(start, stop, count_tokens(text[start:stop]))
            start = stop


def _between(text: str, span: Span, boundary: re.Pattern[str]) -> Iterator[Span]:
    start = span.start
    stops = [match.span() for match in boundary.finditer(text, start, span.end)]
    for at, stop in (*stops, (span.end, span.end)):
        within = text[at : at + 1] == "." and is_inner_stop(text, at + 1)
        if stop > start and (not within or stop == span.end):
            yield Span(start, stop, count_tokens(text[start:stop]))
            start = stop


def _fitting(text: str, start: int, end: int, limit: int) -> int:
    """Return where to cut so that `text[start:cut]` has at most `limit` tokens, between words.

    One character is taken in any case, so that every cut gets on.
    """
    stop = min(end, start + limit * _WIDTH)
    while stop - start > 1 and (tokens := count_tokens(text[start:stop])) > limit:
        stop = start + max(1, min((stop - start) * limit // tokens, stop - start - 1))
    if stop < end:
        space = max(text.rfind(" ", start, stop), text.rfind("\n", start, stop))
        # A word is broken rather than half of the room left empty.
        if space - start >= (stop - start) // 2:
            stop = space + 1
    return stop
