"""Numbers, dates and names in a text, in forms that can be compared with those of another text.

Words of English, German, French and Spanish are known: months, small numbers, pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gwkit.text.characters import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "Date",
    "Fact",
    "counted",
    "dates",
    "names",
    "numbers",
    "pages",
    "plain",
    "spelled_numbers",
]

Date = tuple[int, int, int]
"""Year, month and day; 0 where the text does not say it."""

_TYPOGRAPHY = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
    # Marks of Markdown, and the bars of a table.
    | dict.fromkeys("*_`\u00ad", "")
    | {"\u2026": "...", "|": " "}
)
_SPACE = re.compile(r"\s+")
_NEEDLESS_SPACE = re.compile(r" (?=[?!:;,.])| ?- ?")

_MONTHS = (
    "january jan januar jän jänner janvier janv enero ene",
    "february feb februar février févr febrero",
    "march mar märz mär mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug août agosto ago",
    "september sep sept septembre septiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre déc diciembre dic",
)
_MONTH_OF = {name: month for month, words in enumerate(_MONTHS, 1) for name in words.split()}
_SHORTEST_MONTH = 4
"""Letters of a month that is one without a day or a year."""

_OTHER_WORDS = frozenset({"mar", "march", "may"})
"""What is no month in small letters."""

_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTH_OF, key=len, reverse=True))})\b\.?"
_DAY = r"(?<![\d.,])(?P<day>[0-3]?\d)(?:st|nd|rd|th|er|[.º])?"
_YEAR = r"(?P<year>[12]\d{3})(?!\d)"
_DATES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<!\d)(?P<year>[12]\d{3})-(?P<month>\d{2})-(?P<day>\d{2})(?!\d)",
        r"(?<![\d.])(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>(?:[12]\d)?\d{2})(?!\d)",
        r"(?<![\d/])(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>(?:[12]\d)?\d{2})(?![\d/])",
        rf"{_DAY}\s+(?:of\s+|de\s+)?{_MONTH}(?:,?\s+(?:de\s+|del\s+)?{_YEAR})?",
        rf"\b{_MONTH}\s+(?:the\s+)?{_DAY}(?!\d|[.,:]\d)(?:,?\s+{_YEAR})?",
        rf"\b{_MONTH},?\s+(?:de\s+|del\s+)?{_YEAR}",
        rf"\b{_MONTH}",
    )
]
_IN_DIGITS = 3
"""Number of the patterns that have no names of months; the others take ten times as long."""

_CENTURY = 2_000
_MONTHS_OF_A_YEAR = 12

_NUMBER = re.compile(
    # First those with separators of thousands, of one kind, and perhaps a decimal part.
    r"(?<![\d.,])\d{1,3}(?:([.,'\u2019\u00a0\u202f ])\d{3})(?:\1\d{3})*"
    r"(?:(?!\1)[.,]\d+)?(?!\d|[.,]\d)|\d+(?:[.,:]\d+)*"
)
_AFTER = re.compile(r"[\s\u00a0]?([^\W\d_]+\.?(?:[^\W\d_]+\.)?)")
_POWERS = {
    **dict.fromkeys(("thousand", "tausend", "mille", "mil"), 3),
    **dict.fromkeys(("million", "millions", "millionen", "mio", "millón", "millones"), 6),
    **dict.fromkeys(("billion", "billions", "milliarde", "milliarden", "mrd", "milliards"), 9),
}
_NOON = 12

_SPELLED = {
    1: "one first einer eins ein eine einen erste ersten un une uno una premier primera primero",
    2: "two second zwei zweite deux deuxième dos segundo twice both",
    3: "three third drei dritte trois troisième tres tercer",
    4: "four fourth vier vierte quatre cuatro",
    5: "five fifth fünf fünfte cinq cinco",
    6: "six sixth sechs sechste seis",
    7: "seven seventh sieben siebte sept siete",
    8: "eight eighth acht achte huit ocho",
    9: "nine ninth neun neunte neuf nueve",
    10: "ten tenth zehn zehnte dix diez",
    11: "eleven elf onze",
    12: "twelve twelfth zwölf douze doce dozen",
    13: "thirteen dreizehn treize trece",
    14: "fourteen vierzehn quatorze catorce",
    15: "fifteen fünfzehn quinze quince",
    16: "sixteen sechzehn seize dieciséis",
    18: "eighteen achtzehn",
    20: "twenty zwanzig vingt veinte",
    30: "thirty dreißig trente treinta",
    40: "forty vierzig quarante cuarenta",
    50: "fifty fünfzig cinquante cincuenta",
    60: "sixty sechzig soixante sesenta",
    70: "seventy siebzig setenta",
    80: "eighty achtzig ochenta",
    90: "ninety neunzig noventa",
    100: "hundred hundert",
}
_VALUE_OF = {word: value for value, words in _SPELLED.items() for word in words.split()}
_COUNTED = 3
"""Words after a number within which stands what it counts."""

_WORD = re.compile(r"[^\W\d_]+")
_COMPOUND = re.compile(r"\b(\w+ty)[ -](\w+)\b")
_PAGE = re.compile(
    r"\b(?:pages?|pp?\.|seiten?|S\.|páginas?|pág\.)[\s\u00a0]+(\d+)(?:[-\u2013](\d+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a text says at `start`, as it is `written`, in the `forms` that equal it."""

    start: int
    written: str
    forms: frozenset[str]


def plain(text: str) -> str:
    """Return a text in which only words and punctuation differ, not typography and case."""
    text = _SPACE.sub(" ", normalize("NFC", text).translate(_TYPOGRAPHY)).casefold()
    return _NEEDLESS_SPACE.sub(lambda match: match[0].strip(), text).strip()


def numbers(text: str) -> Iterator[Fact]:
    """Yield the numbers that are written in digits.

    `1,000`, `1.000` and `1000` have a form in common; so have `5 pm` and `17:00`, `1.5 million` and
    `1,500,000`.
    """
    for match in _NUMBER.finditer(text):
        after = _AFTER.match(text, match.end())
        unit = after[1].casefold().replace(".", "") if after else ""
        forms = frozenset(_forms(normalize("NFC", normalize("NFKD", match[0]))))
        if unit in _POWERS:
            forms = frozenset(_shifted(form, _POWERS[unit]) for form in forms)
        elif unit == "pm":
            forms = frozenset(map(_afternoon, forms))
        yield Fact(match.start(), match[0], forms)


def spelled_numbers(text: str) -> Iterator[Fact]:
    """Yield the small numbers that are written as words."""
    for match in _COMPOUND.finditer(text):
        tens, ones = (_VALUE_OF.get(word.casefold(), 0) for word in match.groups())
        if tens and 0 < ones < 10:  # noqa: PLR2004 - one digit
            yield Fact(match.start(), match[0], frozenset({str(tens + ones)}))
    for match in _WORD.finditer(text):
        if (value := _VALUE_OF.get(match[0].casefold())) is not None:
            yield Fact(match.start(), match[0], frozenset({str(value)}))


def counted(text: str, fact: Fact) -> tuple[str, ...]:
    """Return the words in which stands what a number counts: `days` in `five working days`."""
    words = _WORD.findall(text, fact.start + len(fact.written), fact.start + 100)
    return tuple(word.casefold().rstrip("s") for word in words[:_COUNTED])


def dates(text: str) -> Iterator[tuple[Fact, frozenset[Date]]]:
    """Yield the dates, each with all that it can mean: `3/4/2026` has two meanings."""
    taken: list[tuple[int, int]] = []
    words = {word.casefold() for word in set(_WORD.findall(text)) - _OTHER_WORDS}
    has_month = not _MONTH_OF.keys().isdisjoint(words)
    for pattern in _DATES if has_month else _DATES[:_IN_DIGITS]:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(start < other_end and other < end for other, other_end in taken):
                continue
            meanings = frozenset(_meanings(match))
            if meanings:
                taken.append((start, end))
                yield Fact(start, match[0], frozenset()), meanings


def pages(text: str) -> Iterator[tuple[Fact, frozenset[int]]]:
    """Yield the pages that a text speaks of: `page 3`, `S. 4`, `pages 5-6`."""
    for match in _PAGE.finditer(text):
        found = frozenset(int(number) for number in match.groups() if number)
        yield Fact(match.start(), match[0], frozenset()), found


def names(text: str) -> Iterator[Fact]:
    """Yield the words that have a capital."""
    for match in _WORD.finditer(text):
        if match[0] != match[0].lower():
            yield Fact(match.start(), match[0], frozenset({match[0].casefold()}))


def _meanings(match: re.Match[str]) -> Iterator[Date]:
    parts = match.groupdict()
    year = int(parts.get("year") or 0)
    year += _CENTURY if 0 < year < 100 else 0  # noqa: PLR2004 - of two digits
    day, month = int(parts.get("day") or 0), parts["month"].casefold()
    if not month.isdecimal():
        is_sure = year or day or len(month) >= _SHORTEST_MONTH
        if is_sure and match["month"] not in _OTHER_WORDS:
            yield year, _MONTH_OF[month], day
        return
    for some_month, some_day in {(int(month), day), (day, int(month))}:
        in_order = some_day == day or "/" in match[0]
        if in_order and 0 < some_month <= _MONTHS_OF_A_YEAR:
            yield year, some_month, some_day


def _forms(written: str) -> Iterator[str]:
    """Yield how a number can be read: `1.500` also as a decimal, `2.4.1` only as it is."""
    parts, separators = re.split(r"\D", written), re.findall(r"\D", written)
    kinds = set(separators)
    if not separators:
        yield _whole(written)
    elif ":" in kinds:
        yield ":".join((_whole(parts[0]), *parts[1:]))
        if not int("".join(parts[1:])):
            yield _whole(parts[0])
    elif len(kinds) == 1 and _are_thousands(parts[1:]):
        yield _whole("".join(parts))
        if len(parts) == 2 and kinds <= {".", ","}:  # noqa: PLR2004 - it can be either
            yield f"{_whole(parts[0])}.{parts[1]}"
    elif len(kinds) == 1 and len(parts) == 2:  # noqa: PLR2004 - a decimal
        yield _decimal(*parts)
    elif len(kinds) == 2 and separators[-1] not in separators[:-1] and _are_thousands(parts[1:-1]):  # noqa: PLR2004
        yield _decimal("".join(parts[:-1]), parts[-1])
    else:
        yield written


def _are_thousands(parts: Sequence[str]) -> bool:
    return all(len(part) == 3 for part in parts)  # noqa: PLR2004 - digits


def _whole(digits: str) -> str:
    return digits.lstrip("0") or "0"


def _decimal(whole: str, part: str) -> str:
    return f"{_whole(whole)}.{part}".rstrip("0").rstrip(".")


def _shifted(form: str, power: int) -> str:
    """Move the decimal point of a number to the right."""
    whole, _, part = form.partition(".")
    moved, rest = part[:power].ljust(power, "0"), part[power:]
    return _decimal(whole + moved, rest) if rest else _whole(whole + moved)


def _afternoon(form: str) -> str:
    hour, _, minutes = form.partition(":")
    return f"{int(hour) % _NOON + _NOON}:{minutes or '00'}" if hour.isdecimal() else form
