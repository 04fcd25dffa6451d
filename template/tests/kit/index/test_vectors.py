"""The matrix of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.index import vectors
from gwkit.index.vectors import BLOCK_ROWS, Matrix, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION = 3
QUERY = np.array([1, 0, 0], dtype=np.float32)


def rows(document: int, first: int, values: list[float]) -> Rows:
    """Return a document's rows whose scalar products with `QUERY` are the values."""
    found = np.zeros((len(values), DIMENSION), dtype=np.float32)
    found[:, 0] = values
    return Rows(
        np.full(len(values), document, dtype=np.int64),
        np.arange(first, first + len(values), dtype=np.int64),
        found,
    )


def content(matrix: Matrix) -> dict[int, tuple[int, float]]:
    """Return document and value of every chunk in the matrix."""
    return {
        int(chunk): (int(document), float(vector[0]))
        for block in matrix.blocks
        for document, chunk, vector in zip(
            block.documents, block.chunks, block.vectors, strict=True
        )
    }


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "BLOCK_ROWS", 4)


WRITES = st.lists(st.dictionaries(st.integers(0, 6), st.integers(0, 9), max_size=4), max_size=12)


@pytest.mark.usefixtures("_small_blocks")
@given(writes=WRITES)
def test_updates_keep_exactly_what_is_there(writes: list[dict[int, int]]) -> None:
    """After any writes and removals the matrix has each chunk once, in at most twice the blocks."""
    matrix, expected, first = Matrix(), dict[int, dict[int, tuple[int, float]]](), 1
    for write in writes:
        older = content(matrix)
        new = []
        for document, count in write.items():
            new.append(rows(document, first, [float(first + i) for i in range(count)]))
            expected[document] = {first + i: (document, float(first + i)) for i in range(count)}
            first += count
        updated = matrix.updated(list(write), new)

        assert older == content(matrix)
        matrix = updated
        chunks = {chunk: value for found in expected.values() for chunk, value in found.items()}
        assert chunks == content(matrix)
        assert len(chunks) == len(matrix) == sum(len(block) for block in matrix.blocks)
        assert len(matrix.blocks) <= 1 + 2 * len(chunks) / 4
        assert all(0 < len(block) <= 4 for block in matrix.blocks)


def test_unchanged_blocks_are_shared() -> None:
    """Growth and removal copy only the blocks that they change."""
    matrix = Matrix().updated((), (rows(d, d * 1000, [0.5] * 1000) for d in range(10)))

    grown = matrix.updated([10], [rows(10, 10_000, [0.5] * 100)])
    reduced = grown.updated([0], [])

    assert [BLOCK_ROWS] * 4 == [len(block) for block in matrix.blocks[:4]]
    assert all(one is other for one, other in zip(matrix.blocks[:4], grown.blocks, strict=False))
    assert all(block in reduced.blocks for block in grown.blocks[1:4])
    assert 9_100 == len(reduced)


def test_blocks_do_not_keep_their_source_alive() -> None:
    """A block owns its memory, so one row does not hold a whole file's buffer."""
    matrix = Matrix().updated((), [rows(1, 1, [0.1] * 3_000)])

    assert [None, None] == [block.vectors.base for block in matrix.blocks]


VALUES = st.lists(st.floats(-1, 1, width=16), min_size=1, max_size=30)


@pytest.mark.usefixtures("_small_blocks")
@given(values=VALUES, count=st.integers(1, 35), allowed=st.none() | st.sets(st.integers(0, 9)))
def test_nearest_is_the_best_of_all(
    values: list[float], count: int, allowed: set[int] | None
) -> None:
    """All of the matrix that has something in common with the query is ranked, then cut."""
    matrix = Matrix().updated((), (rows(i % 10, i, [value]) for i, value in enumerate(values)))
    documents = None if allowed is None else np.array(sorted(allowed), dtype=np.int64)

    found = matrix.nearest(QUERY, count, documents)

    candidates = [
        (i, value)
        for i, value in enumerate(values)
        if value > 0 and (allowed is None or i % 10 in allowed)
    ]
    expected = sorted((value for _, value in candidates), reverse=True)[:count]
    assert expected == [score for _, score in found]
    assert all((chunk, score) in candidates for chunk, score in found)
    assert len(found) == len({chunk for chunk, _ in found})


def test_ties_come_in_the_order_of_the_chunks() -> None:
    """Equal scores have a fixed order."""
    matrix = Matrix().updated((), [rows(1, 1, [0.5, 0.5, 0.9])])

    assert [3, 1, 2] == [chunk for chunk, _ in matrix.nearest(QUERY, 5)]


@pytest.mark.parametrize(
    ("matrix", "query", "count"),
    [
        (Matrix(), QUERY, 5),
        (Matrix().updated((), [rows(1, 1, [0.5])]), np.zeros(3, dtype=np.float32), 5),
        (Matrix().updated((), [rows(1, 1, [0.5])]), QUERY, 0),
    ],
    ids=["empty", "no direction", "none wanted"],
)
def test_nothing_to_compare_finds_nothing(
    matrix: Matrix, query: NDArray[np.float32], count: int
) -> None:
    """An empty index, a text without words and a wish for nothing are no errors."""
    assert [] == matrix.nearest(query, count)


@pytest.mark.parametrize("share", [1, 50], ids=["few rows", "most rows"])
def test_a_restriction_finds_the_same_however_it_is_computed(share: int) -> None:
    """Picking rows out and scoring all of them are the same."""
    matrix = Matrix().updated((), (rows(i % 60, i, [i / 6000]) for i in range(600)))
    documents = np.arange(share, dtype=np.int64)

    expected = sorted((i for i in range(600) if i % 60 < share), reverse=True)[:7]
    assert expected == [chunk for chunk, _ in matrix.nearest(QUERY, 7, documents)]
