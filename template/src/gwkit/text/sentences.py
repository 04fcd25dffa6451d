"""Where sentences end, and what of a passage can be quoted: sentences, items, rows, code.

A passage is text as a reader sees it: blocks with a blank line between them, a list item or table
row to a line, the cells of a row between bars, code in a fence.
No sentence ends after an abbreviation or an ordinal number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gwkit.text.words import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "LIST_MARKER",
    "SENTENCE_END",
    "Quote",
    "QuoteKind",
    "is_inner_stop",
    "quotes",
    "sentence_spans",
]

SENTENCE_END = re.compile(
    # A set first, which is looked for far faster than alternatives are tried at each place.
    r"[.!?…\u3002\uff01\uff1f\n](?:"
    # A quotation mark or bracket may close the sentence.
    r"(?<=[.!?…])[\"')\]”\u2019»]*\s+"
    # The full stops of Chinese and Japanese, which no space follows.
    r"|(?<=[\u3002\uff01\uff1f])"
    # Before an item of a list or a row of a table.
    r"|(?<=\n)(?=[ \t]*(?:[-•|*+]|\d+[.)])\s)"
    r")"
)
"""What ends a sentence, unless the full stop is an inner one; the space after it belongs to it."""

_WITHIN = 20
"""Characters that are looked at on either side of a full stop, so that the time is linear."""

_ABBREVIATION = re.compile(
    r"""(?<![\w'\u2019])(?:
        (?<!\d\s)(?-i:(?!m\.))[^\W\d_]  # an initial or the end of `e.g.`, no unit and no `p.m.`
      | approx | ca | cf | cp | etc | et\ al | excl | incl | resp | viz | vs
      | Capt | Col | Dr | Gen | Hon | Lt | Mag | Mme | Mr | Mrs | Ms | Messrs | Mt | Prof | Rev
      | Sgt | Sr | Sra | Srta | St | Sta | Ste | Dipl | Ing | Hr | Fr | Ud | Uds | Av
      | ej | núm | pág | págs
      | Bros | Co | Corp | Dept | Inc | Ltd | Univ
      | Abb | Abs | Anm | Art | Aufl | bzgl | bzw | evtl | geb | gem | ggf | inkl | Kap | Mio | Mrd
      | Nr | Nrn | Pos | sog | Str | Tab | Tel | usw | vgl | Ziff | zzgl
      | Jan | Feb | Mar | Apr | Jun | Jul | Aug | Sept? | Oct | Nov | Dec
      | Eq | Fig | Figs | Nos | Sec | Vol
    )\.\Z""",
    re.VERBOSE | re.IGNORECASE,
)
_SHORT = re.compile(r"(?<![^\W_])(?<!\d\s)[^\W\d_]{1,4}\.\Z")
"""A word that may number something, as in `No. 7`, and no unit."""

_NUMBER = re.compile(r"(?<![\w.,])\d{1,2}\.\Z")
_MONTH = re.compile(
    r"\s+(?:\d|(?:Jan|Jän|Feb|Mär|Mar|Apr|Mai|May|Jun|Jul|Aug|Sep|O[ck]t|Nov|De[cz])[^\W\d_]*\b)"
)
_ORDINAL = re.compile(
    r"(?<!\w)(?:am|ab|beim|bis|das|dem|den|der|des|die|im|jede[mnrs]?|seit|vom|zum|zur)"
    r"\s\d{1,2}\.\Z",
    re.IGNORECASE,
)
_DIGIT_AFTER = re.compile(r"\s+\d")

_FENCED = re.compile(
    r"^[ \t]*(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n.*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_LINE = re.compile(r"[^\n]*\n?")
LIST_MARKER = re.compile(r"[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+(?=\S)")
"""Expression of what stands before an item of a list."""
_DIGIT = re.compile(r"\d")
_CODE_SPAN = re.compile(r"`[^`]*`")
_QUOTE_END = re.compile(
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
        for first, last in _sentences_of(text, start, end):
            said = text[first:last].strip()
            leads = said.endswith(_ASKING) or _is_title(said)
            yield QuoteKind.LEAD if leads else kind, first, last
    elif kind:
        yield kind, start, end


def _is_title(said: str) -> bool:
    ends = said[-1:].isalnum() or said.endswith(("`", ")", '"', "'"))
    return said.startswith("#") or (ends and len(said.split()) <= _LONGEST_TITLE)


def _sentences_of(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for stop in _QUOTE_END.finditer(text, start, end):
        at = stop.start("space" if stop["none"] is None else "none")
        # A short sentence such as `Yes.` stays with the next one. Only its first characters are
        # looked at, so that the time is linear in the text.
        is_long = stop["space"] is None or (
            len(text[start : min(at, start + 60)].split()) >= _SHORTEST_SENTENCE
        )
        if is_long and not is_inner_stop(text, at):
            yield start, at
            start = stop.end()
    yield start, end


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a text without a gap, each with the space after it."""
    start = 0
    for match in SENTENCE_END.finditer(text):
        at, stop = match.span()
        is_inner = text[at] == "." and stop < len(text) and is_inner_stop(text, at + 1)
        if not is_inner:
            yield start, stop
            start = stop
    if start < len(text):
        yield start, len(text)


def is_inner_stop(text: str, end: int) -> bool:
    """Say whether the full stop before `end` is part of a word or number within its sentence.

    In doubt it is: a sentence too long can be read, and one cut off at `gate No.` is wrong.
    """
    before, after = text[max(0, end - _WITHIN) : end], text[end : end + _WITHIN]
    return bool(
        _ABBREVIATION.search(before)
        or (_SHORT.search(before) and _DIGIT_AFTER.match(after))
        or (_NUMBER.search(before) and _MONTH.match(after))
        or _ORDINAL.search(before)
    )
