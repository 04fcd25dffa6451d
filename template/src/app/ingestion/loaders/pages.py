"""Pages of a PDF as one text: sentences go on from line to line and over headers and footers."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["join_pages"]

_EDGE_LINES = 6
_EDGE_LENGTH = 200
_NEIGHBOURS = (-2, -1, 1, 2)
"""Pages whose headers and footers are compared: those of facing pages differ."""

_NUMBER = re.compile(r"\d{1,9}")
_MOST_NUMBERS = 5
_LABEL_WORDS = 2
_MOST_BEFORE = 50
"""Pages before the file's first one, in a number that counts them; a year is none."""

_PAGE_NUMBER = re.compile(
    r"\W*(?:page|p|seite|pagina|página)?\W*\d+\W*(?:(?:of|von|de|di)?\W*\d+\W*)?", re.IGNORECASE
)
_LINE_START = re.compile(r"\n(?=[^\S\n]*\S)")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
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


def join_pages(pages: Sequence[str], filled_in: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the parts of a text, and the numbers of the pages that have no text of their own.

    A header or footer is a line at the top or bottom of a page that a near page has there, too, but
    for the number of the page. They come first, each once, without mere page numbers.

    Args:
        pages: the text of each page.
        filled_in: what was filled in on each of them.
    """
    split = [_LINE_START.split(page.strip()) for page in pages]
    tops = [_Edge(lines, number) for number, lines in enumerate(split)]
    bottoms = [_Edge(lines[::-1], number) for number, lines in enumerate(split)]
    margins: dict[str, str] = {}
    texts = [""]
    empty = []
    for number, lines in enumerate(split):
        top = _repeated(tops, number)
        bottom = min(_repeated(bottoms, number), len(lines) - top)
        end = len(lines) - bottom
        for line in map(str.strip, lines[:top] + lines[end:]):
            if not _PAGE_NUMBER.fullmatch(line):
                margins.setdefault(_NUMBER.sub("", line), line)
        own = "\n".join(lines[top:end])
        glue = "\n" if _goes_on(texts[-1], own) else "\n\n"
        texts += [glue, own]
        if filled_in[number]:
            texts += ["\n\n", filled_in[number], "\n\n"]
        elif not own:
            empty.append(number + 1)
    text = _LINE_END.sub(_unhyphenated(texts), "".join(texts))
    parts = ["\n".join(margins.values()), *_BLANK_LINE.split(text)]
    return [part.strip() for part in parts if part.strip()], empty


class _Edge:
    """The first lines of a page, or the last ones, each as all that it could be a header by."""

    def __init__(self, lines: Sequence[str], page: int) -> None:
        self.keys = [frozenset(_keys(line.strip(), page)) for line in lines[:_EDGE_LINES]]
        self.all = frozenset[str]().union(*self.keys)


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


def _repeated(edges: Sequence[_Edge], number: int) -> int:
    """Return how many lines from the edge of a page stand at that of a near page, too."""
    near = [edges[at].all for at in (number + by for by in _NEIGHBOURS) if 0 <= at < len(edges)]
    count = 0
    for keys in edges[number].keys:
        if not any(keys & others for others in near):
            break
        count += 1
    return count


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
        if hyphen not in _HYPHENS:
            return ""
        if after in _SUSPENDED:
            return "- "
        is_word = before[-1].isalpha() and after[0].islower()
        is_compound = "-" in before or before.casefold() in _KEPT_AFTER
        is_known = f"{before}-{after}".casefold() in compounds
        return "" if is_word and not is_compound and not is_known else "-"

    return replacement
