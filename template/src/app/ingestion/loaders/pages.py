"""Pages of a PDF as one text: sentences go on from line to line and over headers and footers.

Columns of prose are read one after the other, however they were drawn: a program that draws line by
line, over all columns, would have a reader jump between them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from itertools import groupby, islice
from operator import itemgetter
from typing import TYPE_CHECKING

from pypdf.generic import ContentStream, NameObject

from gwkit.documents import Block, BlockKind, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pypdf import PageObject

__all__ = ["join_pages", "read_page"]

_SHOWING = {b"Tj": b"n", b"TJ": b"n", b"'": b"T*", b'"': b"T*"}
"""The operators that show text, and those that only do the rest of it."""

_FARTHEST = 1e6
_FEWEST_ROWS = 3
_LEAST_SHARE = 0.4
"""Share of all rows on the page that begin in a column."""

_FEWEST_WORDS = 2.5
"""Words in a line of prose, on average."""

_EDGE_LINES = 6
_EDGE_LENGTH = 200
_NEAR = 4
"""Pages before and after one that are compared with it. Half of them must agree, for facing pages
have different headers."""

_NUMBER = re.compile(r"\d{1,9}")
_MOST_NUMBERS = 5
_LABEL_WORDS = 2
_MOST_BEFORE = 50
"""Pages before the file's first one, in a number that counts them; a year is none."""

_PAGE_NUMBER = re.compile(
    r"\W*(?:page|p|seite|pagina|página)?\W*\d+\W*(?:(?:of|von|de|di)?\W*\d+\W*)?", re.IGNORECASE
)
_PAGE_BREAK = "\f"
_LINE_START = re.compile(r"\n(?=[^\S\n]*\S)")
_BLANK_LINE = re.compile(r"\n[^\S\n\f]*\n")
_SENTENCE_END = re.compile(r"[.!?:;。！？…][\"'”’»)\]]*$")  # noqa: RUF001 - as they are written
_FULL_LINE = 30
"""Characters of a line that goes on, rather than a heading or the end of a paragraph."""

_LINE_END = re.compile(r"(?<=\w)([-\u2010\u00ad\ufffe\x02])[^\S\n]*\n[^\S\n]*(?=\w)")
_HYPHENS = "-\u2010"
"""Those that could belong to the word; the others are only there where a line ends."""

_WORD = re.compile(r"\w+")
_BEFORE = re.compile(r"[\w-]+$")
_COMPOUND = re.compile(r"\b\w+-\w+")
_WORD_LIMIT = 60
_KEPT_AFTER = frozenset({"half", "self", "well"})
_SUSPENDED = frozenset({"and", "or", "und", "oder", "bzw"})
"""Words after a hyphen that stands for the rest of a later word, as in `pre- and postwar`."""


def read_page(page: PageObject) -> str:
    """Return the text of a page."""
    places: list[tuple[int, int]] = []

    def place(operator: bytes, _: object, page: Sequence[float], text: Sequence[float]) -> None:
        if operator in _SHOWING:
            x = text[4] * page[0] + text[5] * page[2] + page[4]
            y = text[4] * page[1] + text[5] * page[3] + page[5]
            is_on_page = abs(x) + abs(y) < _FARTHEST  # false for what is no number
            places.append((round(y), round(x)) if is_on_page else (0, 0))

    whole = page.extract_text(visitor_operand_before=place)
    starts = _column_starts(places)
    contents = page.get_contents() if len(starts) > 1 else None
    if contents is None:
        return whole
    if sum(operator in _SHOWING for _, operator in contents.operations) != len(places):
        return whole  # some are in forms, which have operations of their own
    columns = [max(bisect_right(starts, x), 1) for _, x in places]
    texts = [_only(page, contents, columns, column) for column in range(1, len(starts) + 1)]
    return "\n".join(texts) if all(map(_is_prose, texts)) else whole


def _column_starts(places: Sequence[tuple[int, int]]) -> list[int]:
    """Return where parts of rows begin again and again, from the left."""
    rows = [{x for _, x in row} for _, row in groupby(places, itemgetter(0))]
    counts = Counter(x for row in rows if len(row) > 1 for x in row)
    least = max(_FEWEST_ROWS, _LEAST_SHARE * len(rows))
    return sorted(x for x, count in counts.items() if count >= least)


def _only(page: PageObject, contents: ContentStream, columns: Sequence[int], column: int) -> str:
    """Return the text of one column; `columns` are those of the operations that show text."""
    column_of = iter(columns)
    stream = ContentStream(None, page.pdf)
    stream.operations = [
        (operands, operator)
        if operator not in _SHOWING or next(column_of) == column
        else ([], _SHOWING[operator])
        for operands, operator in contents.operations
    ]
    page[NameObject("/Contents")] = stream
    return "\n".join(line.strip() for line in page.extract_text().splitlines())


def _is_prose(text: str) -> bool:
    """Tell a column of prose, whose sentences go on from line to line, from one of a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    going_on = sum(line[0].islower() for line in lines[1:])
    words = sum(len(line.split()) for line in lines)
    return 2 * going_on >= len(lines) - 1 > 0 and words >= _FEWEST_WORDS * len(lines)


def join_pages(pages: Sequence[str], filled_in: Sequence[str]) -> tuple[list[Block], list[int]]:
    """Return the paragraphs, and the numbers of the pages that have no text of their own.

    A paragraph that goes on from page to page has the place of each of its parts.

    A header or footer is a line at the top or bottom of a page that half of the near pages have in
    the same place, but for the number of the page. They come first, each once, without mere page
    numbers.

    Args:
        pages: the text of each page.
        filled_in: what was filled in on each of them.
    """
    split = [_LINE_START.split(page.replace(_PAGE_BREAK, "\n").strip()) for page in pages]
    tops = [_edge(lines, number) for number, lines in enumerate(split)]
    bottoms = [_edge(lines[::-1], number) for number, lines in enumerate(split)]
    margins: dict[str, tuple[int, str]] = {}
    texts = [""]
    empty = []
    for number, lines in enumerate(split):
        top = _repeated(tops, number)
        bottom = min(_repeated(bottoms, number), len(lines) - top)
        end = len(lines) - bottom
        for line in map(str.strip, lines[:top] + lines[end:]):
            if not _PAGE_NUMBER.fullmatch(line):
                margins.setdefault(_NUMBER.sub("", line), (number + 1, f"{line}\n"))
        own = "\n".join(lines[top:end])
        glue = "\n" if _goes_on(texts[-1], own) else "\n\n"
        texts += [f"{glue}{_PAGE_BREAK}", own]
        if filled_in[number]:
            texts += ["\n\n", filled_in[number].replace(_PAGE_BREAK, "\n"), "\n\n"]
        elif not own:
            empty.append(number + 1)
    if len(empty) == len(pages):  # the same text on all pages
        empty = [number for number in empty if not pages[number - 1].strip()]
    text = _LINE_END.sub(_unhyphenated(texts), "".join(texts))
    page = 0
    paragraphs = [list(margins.values())]
    for paragraph in _BLANK_LINE.split(text):
        parts = paragraph.split(_PAGE_BREAK)
        paragraphs.append(list(enumerate(parts, page)))
        page += len(parts) - 1
    return [block for parts in paragraphs if (block := _block(parts)).text], empty


def _block(parts: Sequence[tuple[int, str]]) -> Block:
    """Return a text from its parts, each with the number of its page."""
    text, places = "", []
    for page, part in parts:
        if part.strip():
            places.append(Place(len(text), page))
            text += part if text else part.lstrip()
    return Block(BlockKind.TEXT, text.rstrip(), places=tuple(places))


def _edge(lines: Sequence[str], page: int) -> list[frozenset[str]]:
    return [frozenset(_keys(line.strip(), page)) for line in lines[:_EDGE_LINES]]


def _keys(line: str, page: int) -> Iterator[str]:
    """Yield a line, and how it reads without the page's number, if it seems to have one.

    A word with a number, such as `Question 2`, says what is on the page.
    """
    if not line or len(line) > _EDGE_LENGTH:
        return
    yield line
    if _PAGE_NUMBER.fullmatch(line) or len(line.split()) > _LABEL_WORDS:
        for match in islice(_NUMBER.finditer(line), _MOST_NUMBERS):
            before = int(match[0]) - page
            if abs(before) <= _MOST_BEFORE:
                yield f"{line[: match.start()]}\0{before}{line[match.end() :]}"


def _repeated(edges: Sequence[Sequence[frozenset[str]]], number: int) -> int:
    """Return how many lines from the edge of a page half of the near pages have there, too."""
    near = edges[max(0, number - _NEAR) : number + _NEAR + 1]
    for count, keys in enumerate(edges[number]):
        same = sum(len(edge) > count and not keys.isdisjoint(edge[count]) for edge in near)
        if same < max(2, len(near) / 2):
            return count
    return len(edges[number])


def _goes_on(text: str, following: str) -> bool:
    """Say whether a sentence goes on in the text of the next page."""
    last = text.rpartition("\n")[2].rstrip()
    if not last or not following or _SENTENCE_END.search(last):
        return False
    return following.lstrip()[0].islower() or len(last) >= _FULL_LINE or last[-1] in _HYPHENS


def _unhyphenated(texts: Sequence[str]) -> Callable[[re.Match[str]], str]:
    """Return what to put for a hyphen at a line's end: by the other words of the text, mostly."""
    compounds = {word.casefold() for text in texts for word in _COMPOUND.findall(text)}

    def replacement(match: re.Match[str]) -> str:
        text, hyphen = match.string, match[1]
        before = _BEFORE.findall(text[max(0, match.start() - _WORD_LIMIT) : match.start()])[0]
        after = _WORD.findall(text[match.end() : match.end() + _WORD_LIMIT])[0]
        page_break = _PAGE_BREAK if _PAGE_BREAK in match[0] else ""
        if hyphen not in _HYPHENS:
            return page_break
        if after in _SUSPENDED:
            return f"- {page_break}"
        is_word = before[-1].isalpha() and after[0].islower()
        is_compound = "-" in before or before.casefold() in _KEPT_AFTER
        is_known = f"{before}-{after}".casefold() in compounds
        joined = "" if is_word and not is_compound and not is_known else "-"
        return f"{joined}{page_break}"

    return replacement
