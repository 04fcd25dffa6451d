"""The sentences of an answer with what each cites, and where the cited passages say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from app.graph.state import Citation, Quote
from gwkit.documents import place_at
from gwkit.text.sentences import sentence_spans
from gwkit.text.words import content_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gwkit.documents import Place
    from gwkit.index.store import Hit

__all__ = ["Location", "Statement", "cite", "location", "statements"]

_CODE = re.compile(r"(?P<fence>`{3,}|~{3,}).*?(?P=fence)|`[^`\n]+`", re.DOTALL)
_CITATION = re.compile(r"\[(\d{1,4})\]")
_CITATIONS_FIRST = re.compile(r"(?:\s*\[\d{1,4}\])+[.,;:!?]*\s*")
# A blank line; an item of a list or a row of a table begins a paragraph of its own.
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=[ \t]*(?:[-*+|•]|\d{1,3}[.)])\s)")
_QUOTED = re.compile(
    r"\u201c[^\u201c\u201d]{1,2000}\u201d|\u201e[^\u201e\u201c\u201d]{1,2000}[\u201c\u201d]"
    r"|\u00ab[^\u00ab\u00bb]{1,2000}\u00bb|\u00bb[^\u00ab\u00bb]{1,2000}\u00ab"
    r"|(?<!\w)\u2018[^\u2018\n]{1,2000}?\u2019(?!\w)|(?<![\w'])'(?! )[^'\n]{1,2000}?(?<! )'(?!\w)"
    r'|(?<![\w"])"[^"\n]{1,2000}"(?!\w)'
)
_CLOSING = frozenset("\"'\u201c\u201d\u2019\u00ab\u00bb")
_MARKED = re.compile(r"\*\*([^*]{20,})\*\*")
_LEAST_SHARE = 0.3
"""Share of a statement's words that the sentence of a passage must have to be its source."""


class Location(TypedDict):
    """The fields of `app.graph.state.Located`."""

    page: int | None
    sheet: str | None
    row: int | None


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of an answer, `answer[start:end]`, and the citations that it has to agree with.

    They are its own, as numbers from 1; those of its whole paragraph if it has none. `quoted` is
    what it has in quotation marks or as code.
    """

    text: str
    start: int
    end: int
    cited: tuple[int, ...]
    quoted: tuple[str, ...]


def statements(answer: str) -> list[Statement]:
    """Return the sentences of an answer that cite; paragraphs without a citation are left out.

    A citation after the full stop belongs to the sentence before it, and one after a listing to
    the listing.
    """
    found: list[Statement] = []
    uncited: list[tuple[int, int]] = []
    for start, end in _paragraphs(answer):
        cited = _cited(answer[start:end])
        if not cited:
            uncited = [(start, end)]
            continue
        is_bare = not _CITATIONS_FIRST.sub("", answer[start:end], count=1).strip()
        begin = uncited[0][0] if is_bare and uncited else start
        for first, last in _sentences(answer, begin, end):
            text = answer[first:last]
            own = _cited(text)
            quoted = tuple(match[0] for match in _whole(text) if not _is_part_of_word(match))
            found.append(Statement(text, first, last, own or cited, quoted))
        uncited = []
    return found


def cite(answer: str, hits: Sequence[Hit]) -> tuple[Citation, ...]:
    """Return the citations of an answer, whose `[n]` is the n-th of these hits.

    Each has the sentences of its passage that share the most words with what cites it, or with what
    is in bold there.
    """
    said = _collected(len(hits), ((each.cited, each.text) for each in statements(answer)))
    marked = _collected(len(hits), _marked(answer))
    return tuple(
        _citation(hit, emphasized or texts)
        for hit, texts, emphasized in zip(hits, said, marked, strict=True)
    )


def _collected(size: int, cited: Iterable[tuple[tuple[int, ...], str]]) -> list[list[str]]:
    """Return for each of so many citations the texts that cite it."""
    texts: list[list[str]] = [[] for _ in range(size)]
    for numbers, text in cited:
        for number in numbers:
            if 0 < number <= size:
                texts[number - 1].append(text)
    return texts


def _marked(answer: str) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield the sentences in bold with what is cited after them: what is beside is context."""
    start = 0
    for group in _CITATIONS_FIRST.finditer(_masked(answer)):
        for match in _MARKED.finditer(answer, start, group.start()):
            yield _cited(group[0]), match[1]
        start = group.end()


def location(places: Sequence[Place], offset: int) -> Location:
    """Return where the character at an offset stands; what is not known is `None`."""
    if not places:
        return {"page": None, "sheet": None, "row": None}
    place = place_at(places, offset)
    return {"page": place.page or None, "sheet": place.sheet or None, "row": place.row or None}


def _paragraphs(answer: str) -> Iterator[tuple[int, int]]:
    masked = _masked(answer)
    start = 0
    for gap in _PARAGRAPH.finditer(masked):
        yield start, gap.start()
        start = gap.end()
    yield start, len(answer)


def _masked(text: str) -> str:
    """Return a text of the same length in which code has no citations and no ends."""
    return _CODE.sub(lambda match: "`" * len(match[0]), text)


def _cited(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(map(int, _CITATION.findall(_masked(text)))))


def _whole(text: str) -> Iterator[re.Match[str]]:
    """Yield what is quoted or code, which no sentence ends within."""
    yield from _QUOTED.finditer(text)
    yield from _CODE.finditer(text)


def _is_part_of_word(match: re.Match[str]) -> bool:
    """Say whether something is a part of a word, as the code in `Item`s is."""
    before = match.string[max(0, match.start() - 1) : match.start()]
    return before.isalnum() or match.string[match.end() : match.end() + 1].isalnum()


def _sentences(answer: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the sentences of a paragraph with their citations, quotations and code in one piece."""
    text = answer[start:end]
    whole = [match.span() for match in _whole(text)]
    begun = 0
    for _, stop in sentence_spans(text):
        following = _CITATIONS_FIRST.match(text, stop)
        after = following.end() if following else stop
        goes_on = text[after : after + 1].islower() and text[:after].rstrip()[-1:] in _CLOSING
        within = any(first < after < last for first, last in whole)
        if after > begun and not within and not goes_on:
            yield start + begun, start + after
            begun = after
    if begun < len(text):
        yield start + begun, end


def _citation(hit: Hit, said: Sequence[str]) -> Citation:
    quotes = _quotes(hit, said)
    place = location(hit.places, quotes[0].start if quotes else 0)
    citation = Citation.model_validate(hit, from_attributes=True)
    return citation.model_copy(update={"quotes": quotes, **place})


def _quotes(hit: Hit, said: Sequence[str]) -> tuple[Quote, ...]:
    """Return the sentences of a passage that say what is said, in order and joined."""
    offered = [
        (start, end, set(content_words(hit.text[start:end])))
        for first, last in _paragraphs(hit.text)
        for start, end in _sentences(hit.text, first, last)
    ]
    chosen = set()
    for text in said:
        words = set(content_words(_CITATION.sub("", text)))
        shares = [(len(words & here), -len(here), start, end) for start, end, here in offered]
        shared, _, start, end = max(shares, default=(0, 0, 0, 0))
        if shared and shared >= _LEAST_SHARE * len(words):
            chosen.add((start, end))
    spans: list[list[int]] = []
    for start, end in sorted(chosen):
        if spans and spans[-1][1] == start:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return tuple(_quote(hit, start, end) for start, end in spans)


def _quote(hit: Hit, start: int, end: int) -> Quote:
    kept = hit.text[start:end].rstrip()
    text = kept.lstrip()
    start += len(kept) - len(text)
    end = start + len(text)
    return Quote(start=start, end=end, text=text, **location(hit.places, start))
