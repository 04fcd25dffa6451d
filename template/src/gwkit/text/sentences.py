"""Where sentences end, and full stops that end none: after abbreviations and ordinal numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SENTENCE_END", "is_inner_stop", "sentence_spans"]

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
_DIGIT = re.compile(r"\s+\d")


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
        or (_SHORT.search(before) and _DIGIT.match(after))
        or (_NUMBER.search(before) and _MONTH.match(after))
        or _ORDINAL.search(before)
    )
