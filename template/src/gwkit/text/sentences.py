"""Full stops that end no sentence: after abbreviations, initials and ordinal numbers."""

from __future__ import annotations

import re

__all__ = ["is_inner_stop"]

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
