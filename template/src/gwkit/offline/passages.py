"""Splits passages into what an answer can quote: sentences, list items, table rows, code.

A passage is text as a reader sees it: blocks with a blank line between them, a list item or table
row to a line, the cells of a row between bars, code in a fence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from gwkit.models.messages import HEADING_SEPARATOR
from gwkit.text.sentences import is_inner_stop
from gwkit.text.words import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gwkit.models.messages import Passage

__all__ = ["Quote", "QuoteKind", "quotes"]

_FENCED = re.compile(
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n(?P<code>.*?)(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_ITEM = re.compile(r"[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+\S")
_CODE_SPAN = re.compile(r"`[^`]*`")
# One bar alone is beside an empty cell.
_OUTER_BARS = re.compile(r"^\|(.*)\|$")
_TABLE_RULE = re.compile(r"[-:| \t]+\Z")
_TITLE_MARK = re.compile(r"\#{1,6}[ \t]+")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?P<closing>[\"')*_\u201d]*)\s+(?=[\"'(*_`\u201c]*[A-Z0-9])"
    # No space follows the full stops of Chinese and Japanese.
    r"|(?<=[\u3002\uff01\uff1f])(?P<quoted>[\u201d\u300d\u300f\uff09]*)\s*"
)
_ASKING = ("?", "\uff1f")
_SHORTEST_SENTENCE = 3
_CONTEXT_CHARACTERS = 500
_LONGEST_TITLE = 12


class QuoteKind(StrEnum):
    """Kinds of quotes, as an answer's layout tells them apart."""

    TITLE = "title"
    SENTENCE = "sentence"
    ITEM = "item"
    ROW = "row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Quote:
    """The smallest part of a passage that can stand in an answer.

    `block` is shared by the sentences of a paragraph, the items of a list and the rows of a table;
    `order` counts within the passage. `asked` are the words of the question that the quote answers,
    `headings` those of each heading above it. `context` has these, the quote's own `words`, and
    those of the sentence that leads to it.
    """

    passage: int
    block: int
    order: int
    kind: QuoteKind
    text: str
    words: frozenset[str]
    asked: frozenset[str]
    headings: tuple[frozenset[str], ...]
    context: frozenset[str]


def quotes(passage: Passage) -> list[Quote]:
    """Return what can be quoted of a passage, in its order.

    A paragraph that ends with a question is no quote, but the next paragraph answers it.
    """
    found: list[Quote] = []
    path = tuple(_context(heading) for heading in passage.heading.split(HEADING_SEPARATOR))
    asked = path[-1] if passage.heading.endswith(_ASKING) else frozenset[str]()
    title: tuple[frozenset[str], ...] = ()
    lead = frozenset[str]()
    for block, (kind, texts) in enumerate(_blocks(passage.text)):
        if kind is QuoteKind.SENTENCE and texts[-1].endswith(_ASKING):
            asked, title, lead = _context(" ".join(texts)), (), frozenset()
            continue
        if kind is QuoteKind.TITLE:
            asked, title, lead = frozenset(), (), frozenset()
        for text in texts:
            words = vocabulary(text)
            headings = path + title
            context = words.union(asked, lead, *headings)
            order = len(found)
            found.append(
                Quote(passage.number, block, order, kind, text, words, asked, headings, context)
            )
            if kind is QuoteKind.SENTENCE:
                # It leads to the next sentence, or to the list, table or code after it.
                lead = words if len(text) <= _CONTEXT_CHARACTERS else _context(text)
        if kind is QuoteKind.TITLE:
            title = (_context(" ".join(texts)),)
    return found


def _context(text: str) -> frozenset[str]:
    """Return the words of what other quotes stand under: of its end, for each of them has these."""
    return vocabulary(text[-_CONTEXT_CHARACTERS:])


def _blocks(text: str) -> Iterator[tuple[QuoteKind, list[str]]]:
    start = 0
    for fenced in _FENCED.finditer(text):
        yield from _unfenced(text[start : fenced.start()])
        yield QuoteKind.CODE, [fenced["code"].strip("\n")]
        start = fenced.end()
    yield from _unfenced(text[start:])


def _unfenced(text: str) -> Iterator[tuple[QuoteKind, list[str]]]:
    for paragraph in _BLANK_LINE.split(text):
        # Line ends that are no newlines, such as U+001E, leave empty lines within a paragraph.
        lines = [line for line in paragraph.splitlines() if line.strip()]
        yield from (block for block in _prose(lines) if any(block[1]))


def _prose(lines: Sequence[str]) -> Iterator[tuple[QuoteKind, list[str]]]:
    for kind, run in groupby(_with_kinds(lines), key=lambda pair: pair[0]):
        content = [line for _, line in run]
        match kind:
            case QuoteKind.ITEM:
                yield kind, _items(content)
            case QuoteKind.ROW:
                yield kind, list(_rows(content))
            case QuoteKind.TITLE:
                yield kind, [_TITLE_MARK.sub("", line.strip()) for line in content]
            case _:
                yield QuoteKind.SENTENCE, _sentences(" ".join(" ".join(content).split()))


def _with_kinds(lines: Sequence[str]) -> Iterator[tuple[QuoteKind, str]]:
    kind = QuoteKind.SENTENCE
    for line in lines:
        if _ITEM.match(line):
            kind = QuoteKind.ITEM
        elif line.startswith("|") or " | " in _CODE_SPAN.sub("", line):
            kind = QuoteKind.ROW
        elif _TITLE_MARK.match(line) or (len(lines) == 1 and _is_title(line)):
            kind = QuoteKind.TITLE
        elif kind is not QuoteKind.ITEM:
            # A line after an item goes on with it.
            kind = QuoteKind.SENTENCE
        yield kind, line


def _is_title(line: str) -> bool:
    return len(line.split()) <= _LONGEST_TITLE and line[-1].isalnum() | (line[-1] in "`)\"'")


def _items(lines: Iterable[str]) -> list[str]:
    items: list[list[str]] = []
    for line in lines:
        if _ITEM.match(line):
            items.append([line.rstrip()])
        else:
            items[-1].append(line.strip())
    return [" ".join(item) for item in items]


def _rows(lines: Sequence[str]) -> Iterator[str]:
    """Yield each row as a line that names its columns, if the first row is their names."""
    rows = [
        [cell.strip() for cell in _OUTER_BARS.sub(r"\1", line.strip()).split("|")]
        for line in lines
        if not _TABLE_RULE.match(line)
    ]
    names = rows[0] if rows else []
    if len(rows) == 1 or any(character.isdigit() for name in names for character in name):
        yield from (" | ".join(row) for row in rows)
        return
    for row in rows[1:]:
        named = zip_longest(names, row, fillvalue="")
        yield "; ".join(f"{name}: {cell}" if name else cell for name, cell in named if cell)


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        stop = end.end("quoted" if end["closing"] is None else "closing")
        # What is as short as `Yes.` says nothing without the sentence after it. Looking only at
        # both ends of a sentence keeps the time linear in the text.
        is_long = (
            end["closing"] is None
            or len(text[start : min(stop, start + 60)].split()) >= _SHORTEST_SENTENCE
        )
        if is_long and not is_inner_stop(text, stop):
            found.append(text[start:stop])
            start = end.end()
    return [*found, text[start:]] if text[start:] else found
