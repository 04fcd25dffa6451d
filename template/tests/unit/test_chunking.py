"""Chunks keep all text, in order, within their budget, and are readable on their own."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ingestion.chunking import chunk_blocks
from gwkit.documents import Block, BlockKind, Chunk
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADING, _TEXT, _CODE = BlockKind.HEADING, BlockKind.TEXT, BlockKind.CODE

_WORDS = st.text(alphabet="ab é漢.!?。\n|-1\t'\")", max_size=400)
_BLOCKS = st.lists(
    st.builds(Block, st.sampled_from([_TEXT, _CODE]), _WORDS)
    | st.builds(Block, st.just(_HEADING), _WORDS, st.integers(1, 6)),
    max_size=12,
)
_SIZES = st.integers(1, 64).flatmap(
    lambda budget: st.tuples(st.just(budget), st.integers(0, budget // 2))
)


def _dense(text: str) -> str:
    return "".join(text.split())


def _holds(whole: str, part: str) -> bool:
    """Return whether the characters of `part` are in `whole` in this order."""
    rest = iter(whole)
    return all(char in rest for char in part)


def _code(chunk: Chunk) -> str:
    """Return the text between the fences of a chunk with only code."""
    opening, *lines, closing = chunk.text.split("\n")
    assert {opening, closing} == {"```"}
    return "\n".join(lines)


def _title(text: str, level: int = 1) -> Block:
    return Block(_HEADING, text, level)


def _sentences(count: int, start: int = 0) -> str:
    return " ".join(f"This is the sentence number {start + n:03}." for n in range(count))


@given(_BLOCKS, _SIZES)
def test_no_text_is_lost(blocks: list[Block], sizes: tuple[int, int]) -> None:
    """The text below the headings is in the chunks, in order, as is every heading or its start."""
    budget, overlap = sizes
    chunks = chunk_blocks(blocks, budget=budget, overlap=overlap)
    body = _dense("".join(block.text for block in blocks if block.kind is not _HEADING))

    assert _holds(_dense("".join(chunk.text for chunk in chunks)), body)
    for block in blocks:
        if block.kind is _HEADING:
            assert any(
                block.text in chunk.headings or _holds(_dense(chunk.text), _dense(block.text))
                for chunk in chunks
            ) or _holds(_dense("".join(chunk.text for chunk in chunks)), _dense(block.text))


@given(st.lists(st.builds(Block, st.sampled_from([_TEXT, _CODE]), _WORDS)), st.integers(1, 64))
def test_without_overlap_nothing_is_repeated(blocks: list[Block], budget: int) -> None:
    """The chunks of a document without headings are its text, split."""
    chunks = chunk_blocks(blocks, budget=budget, overlap=0)

    whole = "".join(chunk.text for chunk in chunks).replace("```", "")
    assert _dense("".join(block.text for block in blocks)) == _dense(whole)


@given(_BLOCKS, _SIZES)
def test_budgets_are_kept(blocks: list[Block], sizes: tuple[int, int]) -> None:
    """No chunk has more tokens than allowed, fewer than it declares, or no text."""
    budget, overlap = sizes
    for chunk in chunk_blocks(blocks, budget=budget, overlap=overlap):
        assert chunk.tokens == count_tokens(chunk.text)
        assert 0 < chunk.tokens <= budget
        assert chunk.text.strip()
        assert all(0 < count_tokens(heading) <= 32 for heading in chunk.headings)
        assert len(chunk.headings) <= 6


@given(_BLOCKS, _SIZES)
def test_positions_are_consecutive_and_the_result_is_the_same_each_time(
    blocks: list[Block], sizes: tuple[int, int]
) -> None:
    """Chunks are numbered from 0, and the same document always gives the same chunks."""
    budget, overlap = sizes
    chunks = chunk_blocks(blocks, budget=budget, overlap=overlap)

    assert list(range(len(chunks))) == [chunk.position for chunk in chunks]
    assert chunks == chunk_blocks(blocks, budget=budget, overlap=overlap)


def test_neighbours_share_whole_sentences() -> None:
    """A chunk begins with the last sentences of the previous one, within the overlap."""
    text = _sentences(20)
    chunks = chunk_blocks([Block(_TEXT, text)], budget=64, overlap=20)

    assert len(chunks) > 2
    for before, after in pairwise(chunks):
        shared = next(
            after.text[:size]
            for size in range(len(after.text), 0, -1)
            if before.text.endswith(after.text[:size])
        )
        assert shared.startswith("This is")
        assert shared.endswith(".")
        assert 0 < count_tokens(shared) <= 20


def test_a_paragraph_that_fits_starts_a_chunk_rather_than_being_cut() -> None:
    """Blocks stay whole as long as they fit a chunk."""
    first, second = _sentences(4), _sentences(4, start=4)
    chunks = chunk_blocks([Block(_TEXT, first), Block(_TEXT, second)], budget=60, overlap=0)

    assert [first, second] == [chunk.text for chunk in chunks]


def test_code_stays_whole_where_it_fits_and_is_cut_between_lines_where_not() -> None:
    """A short listing is never split; a long one is, preferably at blank lines."""
    short = "def a():\n    return 1\n\n\ndef b():\n    return 2"
    chunks = chunk_blocks([Block(_TEXT, _sentences(4)), Block(_CODE, short)], budget=40, overlap=0)
    assert short == _code(chunks[-1])

    functions = [f"def f{n}():\n    value = {n}\n    return value * value" for n in range(9)]
    chunks = chunk_blocks([Block(_CODE, "\n\n".join(functions))], budget=40, overlap=0)
    assert [part for chunk in chunks for part in _code(chunk).split("\n\n")] == functions

    lines = [f"    call_number({n})" for n in range(50)]
    chunks = chunk_blocks([Block(_CODE, "\n".join(lines))], budget=40, overlap=0)
    assert [line for chunk in chunks for line in _code(chunk).split("\n")] == lines


def test_neighbouring_chunks_of_code_share_whole_lines() -> None:
    """A continued listing repeats its last lines, within the overlap."""
    lines = [f"    call_number({n})" for n in range(50)]
    chunks = chunk_blocks([Block(_CODE, "\n".join(lines))], budget=40, overlap=12)

    assert len(chunks) > 2
    for before, after in pairwise(chunks):
        assert _code(before).split("\n")[-2:] == _code(after).split("\n")[:2]


def test_code_stands_between_fences_that_it_does_not_have_itself() -> None:
    """Fences distinguish code from prose for any code."""
    blocks = [Block(_TEXT, "Run this:"), Block(_CODE, "echo '```'\n"), Block(_TEXT, "That is all.")]
    (chunk,) = chunk_blocks(blocks, budget=64, overlap=0)
    assert chunk.text == "Run this:\n\n````\necho '```'\n````\n\nThat is all."

    ticks = Block(_CODE, "`" * 100)
    (chunk,) = chunk_blocks([ticks], budget=64, overlap=0)
    assert chunk.text == ticks.text, "where a fence would take much of the room, there is none"


def test_a_long_table_is_cut_between_its_rows() -> None:
    """A table row or a list item is not split."""
    rows = [f"name {n} | value {n}" for n in range(60)]
    items = [f"- item {n} of the list" for n in range(60)]
    for lines in (rows, items):
        chunks = chunk_blocks([Block(_TEXT, "\n".join(lines))], budget=32, overlap=0)
        assert [line for chunk in chunks for line in chunk.text.split("\n")] == lines


def test_words_are_cut_only_when_they_exceed_the_budget() -> None:
    """A long sentence is split between words, and a long word anywhere."""
    words = ["word"] * 300
    chunks = chunk_blocks([Block(_TEXT, " ".join(words))], budget=32, overlap=0)
    assert words == [word for chunk in chunks for word in chunk.text.split()]

    chunks = chunk_blocks([Block(_TEXT, "漢" * 300)], budget=32, overlap=0)
    assert "漢" * 300 == "".join(chunk.text for chunk in chunks)


def test_wide_space_between_words_takes_no_chunk() -> None:
    """Space gives no chunk, however long."""
    chunks = chunk_blocks([Block(_TEXT, "a" + " " * 5_000 + "b")], budget=16, overlap=4)

    assert ["a", "b"] == [part for chunk in chunks for part in chunk.text.split()]


def test_a_chunk_stays_within_its_section_and_knows_the_headings_above() -> None:
    """Sections of some size have chunks of their own, with the path from the outermost heading."""
    blocks = [
        _title("Guide"),
        Block(_TEXT, _sentences(3)),
        _title("Setup", 2),
        Block(_TEXT, _sentences(3, start=3)),
        _title("Details", 4),
        Block(_TEXT, _sentences(3, start=6)),
        _title("Usage", 2),
        Block(_TEXT, _sentences(3, start=9)),
    ]
    chunks = chunk_blocks(blocks, budget=100, overlap=10)

    assert [
        ("Guide",),
        ("Guide", "Setup"),
        ("Guide", "Setup", "Details"),
        ("Guide", "Usage"),
    ] == [chunk.headings for chunk in chunks]
    assert [_sentences(3, start) for start in (0, 3, 6, 9)] == [chunk.text for chunk in chunks]


def test_tiny_neighbouring_sections_share_a_chunk_that_names_them() -> None:
    """Sections of one line each share a chunk under their common heading."""
    blocks = [_title("Glossary")]
    for word in ("alpha", "beta", "gamma"):
        blocks += [_title(word, 2), Block(_TEXT, f"The meaning of {word}.")]
    blocks += [_title("Other"), Block(_TEXT, "Elsewhere.")]

    assert [
        Chunk(
            0,
            "alpha\n\nThe meaning of alpha.\n\nbeta\n\nThe meaning of beta.\n\n"
            "gamma\n\nThe meaning of gamma.",
            ("Glossary",),
            22,
        ),
        Chunk(1, "Elsewhere.", ("Other",), 3),
    ] == chunk_blocks(blocks, budget=128, overlap=16)


def test_tiny_sections_share_a_chunk_only_as_far_as_they_fit() -> None:
    """A run of tiny sections is split between two of them."""
    blocks: list[Block] = []
    for number in range(20):
        blocks += [_title(f"Section {number}"), Block(_TEXT, "Some words.")]
    chunks = chunk_blocks(blocks, budget=40, overlap=0)

    assert 1 < len(chunks) < 20
    assert all(chunk.text.startswith("Section") for chunk in chunks)
    assert all(chunk.text.endswith("Some words.") for chunk in chunks)


def test_a_heading_without_text_is_text_itself() -> None:
    """A heading without text below is kept, because it may be all there is."""
    assert [Chunk(0, "Only a title", (), 3)] == chunk_blocks(
        [_title("Only a title")], budget=32, overlap=0
    )
    assert [Chunk(0, "Leaf", ("Root",), 1)] == chunk_blocks(
        [_title("Root"), _title("Leaf", 2)], budget=32, overlap=0
    )


def test_an_endless_heading_is_shortened_in_the_path_and_whole_in_the_text() -> None:
    """A page that is one heading keeps the room of its chunks and loses no text."""
    heading = _sentences(20)
    chunks = chunk_blocks([_title(heading), Block(_TEXT, "Body.")], budget=64, overlap=0)

    assert len(chunks) > 1
    assert all(chunk.headings[0].endswith("…") for chunk in chunks)
    assert [*heading.split(), "Body."] == " ".join(chunk.text for chunk in chunks).split()


@pytest.mark.parametrize("blocks", [[], [Block(_TEXT, " \n")], [_title(" ")]])
def test_nothing_to_say_is_no_chunk(blocks: list[Block]) -> None:
    """Blank blocks give no chunks."""
    assert [] == chunk_blocks(blocks, budget=32, overlap=4)


@pytest.mark.parametrize(
    "unit", ["x", "word ", "漢", "A sentence. ", "line\n", "!)", "\n\n", "a\n- "]
)
def test_the_work_is_linear_in_the_text(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four times the text takes about four times the work, for any content."""

    def blocks(size: int) -> list[Block]:
        return [Block(_TEXT, unit * (size // len(unit)))]

    less = work(monkeypatch, blocks(2_000), budget=32, overlap=4)
    more = work(monkeypatch, blocks(8_000), budget=32, overlap=4)
    assert all(many <= 1.3 * 4 * few for few, many in zip(less, more, strict=True))


def test_the_work_is_linear_in_small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large overlap of many small pieces is not counted again for each of them."""
    blocks = [Block(_TEXT, "ab.")] * 1_600
    less = work(monkeypatch, blocks[:400], budget=128, overlap=64)
    more = work(monkeypatch, blocks, budget=128, overlap=64)
    assert all(many <= 1.3 * 4 * few for few, many in zip(less, more, strict=True))


def work(
    monkeypatch: pytest.MonkeyPatch, blocks: Sequence[Block], *, budget: int, overlap: int
) -> tuple[int, int]:
    """Return the number of calls of chunking, and of the characters that it counts."""
    calls = characters = 0

    def count_call(*_: object) -> None:
        nonlocal calls
        calls += 1

    def count_characters(text: str) -> int:
        nonlocal characters
        characters += len(text)
        return count_tokens(text)

    for module in ("chunking", "splitting"):
        monkeypatch.setattr(f"app.ingestion.{module}.count_tokens", count_characters)
    before = sys.getprofile()
    sys.setprofile(count_call)
    try:
        chunk_blocks(blocks, budget=budget, overlap=overlap)
    finally:
        sys.setprofile(before)
    return calls, characters
