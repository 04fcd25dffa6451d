"""Every passage of a PDF file knows its page, whatever is done to the text of the pages."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from app.ingestion.chunking import chunk_blocks
from app.ingestion.loaders import LoaderRegistry
from fixtures.files import make_pdf
from gwkit.documents import Block, BlockKind, Place, place_at

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEEDS = range(20)
_WORDS = ("parcel", "depot", "driver", "letter", "stamp", "weight", "tariff", "locker", "label")


def _chunks_of(data: bytes, budget: int = 96) -> list[tuple[str, tuple[Place, ...]]]:
    blocks = LoaderRegistry().load("a.pdf", data).blocks
    chunks = chunk_blocks(blocks, budget=budget, overlap=budget // 4)
    return [(chunk.text, chunk.places) for chunk in chunks]


def _pages_of(words: str, chunks: Sequence[tuple[str, tuple[Place, ...]]]) -> set[int]:
    """Return the pages on which the chunks that hold these words say that they stand."""
    return {place_at(places, text.index(words)).page for text, places in chunks if words in text}


def _drawn(chance: random.Random) -> tuple[list[str], dict[str, int]]:
    """Return pages, and marks that stand on one page each, with its number."""
    pages, marks = [], {}
    header, footer = chance.choice(["", "ACME handbook\n"]), chance.choice(["", "\nPage {}"])
    for number in range(1, chance.randrange(2, 30)):
        lines = []
        for line in range(chance.choice([0, 1, 3, 12, 40])):
            mark = f"mark{number}x{line}"
            marks[mark] = number
            words = [chance.choice(_WORDS) for _ in range(chance.randrange(1, 9))]
            words.insert(chance.randrange(len(words)), mark)
            end = chance.choice([".", "", ",", "-", ".\n", " \n"])
            lines.append(" ".join(words) + end)
        pages.append(header + "\n".join(lines) + footer.format(number))
    return pages, marks


@pytest.mark.parametrize("seed", _SEEDS)
def test_the_page_of_every_line_is_known(seed: int) -> None:
    """Headers, footers, empty pages, hyphens and sentences over pages change no page number."""
    pages, marks = _drawn(random.Random(seed))  # noqa: S311 - no secret

    chunks = _chunks_of(make_pdf(["first page", *pages]))

    found = {mark: _pages_of(mark, chunks) for mark in marks}
    assert {mark: {page + 1} for mark, page in marks.items()} == found


def test_a_word_over_two_pages_stands_where_it_begins() -> None:
    """Its second half is on the next page, and so is what follows."""
    ((text, places),) = _chunks_of(make_pdf(["It needs a state-", "ment of mileage."]))

    assert "It needs a statement of mileage." == text
    assert (1, 2) == tuple(place_at(places, text.index(word)).page for word in ("state", "of"))


def test_headers_stand_on_the_first_of_their_pages() -> None:
    """They are read once, from the page where they come first."""
    chunks = _chunks_of(make_pdf(["Cover", *(f"ACME Ltd\nText {'i' * n}." for n in range(1, 9))]))

    assert {2} == _pages_of("ACME Ltd", chunks)


def test_rows_of_a_table_are_known_in_every_part_of_it() -> None:
    """The header that each part repeats keeps its own row; text without places has none."""
    lines = ["name | price", *(f"thing {n} | {n}.50" for n in range(2, 90))]
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in range(len(lines))]
    places = tuple(Place(start, sheet="Prices", row=n) for n, start in enumerate(starts, 1))
    blocks = [
        Block(BlockKind.TEXT, "Before."),
        Block(BlockKind.TEXT, "\n".join(lines), places=places),
        Block(BlockKind.TEXT, "After."),
    ]

    chunks = chunk_blocks(blocks, budget=64, overlap=8)

    assert 5 < len(chunks)
    for chunk in chunks:
        for line in filter(None, chunk.text.splitlines()):
            place = place_at(chunk.places, chunk.text.index(line))
            if line in lines:
                assert ("Prices", lines.index(line) + 1) == (place.sheet, place.row)
            else:
                assert ("", 0) == (place.sheet, place.row)
