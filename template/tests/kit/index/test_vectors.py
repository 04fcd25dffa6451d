"""The matrix of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.errors import RetrievalError
from gwkit.index.sqlite.vectors import Matrix

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSION = 3
QUERY = np.array([1, 0, 0], dtype=np.float32)
EMPTY = Matrix.of_size(0, DIMENSION)


def row(document: int, first: int, values: list[float]) -> tuple[int, int, bytes]:
    """Return a document in the file's form; the values are its scalar products with `QUERY`."""
    vectors = np.zeros((len(values), DIMENSION), dtype="<f4")
    vectors[:, 0] = values
    return document, first, vectors.tobytes()


def updated(matrix: Matrix, documents: dict[int, tuple[int, list[float]]]) -> Matrix:
    """Return the matrix with these documents: the first chunk's id and the values of each."""
    rows = [row(document, first, values) for document, (first, values) in documents.items()]
    added = sum(len(values) for _, values in documents.values())
    return matrix.updated(np.array(list(documents), dtype=np.int64), iter(rows), added)


def content(matrix: Matrix) -> dict[int, tuple[int, float]]:
    """Return document and value of every chunk in the matrix."""
    values = matrix.vectors[:, 0].tolist()
    found = zip(matrix.documents.tolist(), values, strict=True)
    return dict(zip(matrix.chunks.tolist(), found, strict=True))


WRITES = st.lists(st.dictionaries(st.integers(0, 6), st.integers(0, 9), max_size=4), max_size=12)


@given(writes=WRITES)
def test_updates_keep_exactly_what_is_there(writes: list[dict[int, int]]) -> None:
    """After any writes and removals the matrix has each chunk once; older copies are unchanged."""
    matrix, expected, first = EMPTY, dict[int, dict[int, tuple[int, float]]](), 1
    for write in writes:
        older = content(matrix)
        new = {}
        for document, count in write.items():
            values = [float(first + i) for i in range(count)]
            new[document] = (first, values)
            expected[document] = {first + i: (document, values[i]) for i in range(count)}
            first += count
        following = updated(matrix, new)

        assert older == content(matrix)
        matrix = following
        chunks = {chunk: value for found in expected.values() for chunk, value in found.items()}
        assert chunks == content(matrix)
        assert len(chunks) == len(matrix.chunks) == len(matrix.vectors)


def test_vectors_of_another_dimension_are_damage() -> None:
    """They are detected, for any declared number of vectors."""
    with pytest.raises(RetrievalError, match="vectors are damaged"):
        EMPTY.updated(np.array([1]), [(1, 1, bytes(4))], 0)


VALUES = st.lists(st.sampled_from([-0.5, 0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=30)


@given(values=VALUES, count=st.integers(-1, 35), allowed=st.none() | st.sets(st.integers(0, 9)))
def test_nearest_is_the_best_of_all(
    values: list[float], count: int, allowed: set[int] | None
) -> None:
    """Everything similar to the query is ranked, ties by chunk, then cut off."""
    matrix = EMPTY
    for i, value in enumerate(values):
        # Ten documents, each of several rows.
        rest = Matrix(np.array([i % 10]), np.array([i]), np.array([[value, 0, 0]], dtype="f4"))
        matrix = Matrix(
            np.concatenate((matrix.documents, rest.documents)),
            np.concatenate((matrix.chunks, rest.chunks)),
            np.concatenate((matrix.vectors, rest.vectors)),
        )
    documents = None if allowed is None else np.array(sorted(allowed), dtype=np.int64)

    found = matrix.nearest(QUERY, count, documents)

    candidates = [
        (-value, i)
        for i, value in enumerate(values)
        if value > 0 and (allowed is None or i % 10 in allowed)
    ]
    best = sorted(candidates)[: max(0, count)]
    assert [(i, -negated) for negated, i in best] == found


@pytest.mark.parametrize("count", range(6))
def test_ties_come_in_the_order_of_the_chunks(count: int) -> None:
    """Equal scores have a fixed order, also at the cut."""
    matrix = updated(EMPTY, {1: (1, [0.5, 0.5, 0.9, 0.5, -0.5])})

    assert [3, 1, 2, 4][:count] == [chunk for chunk, _ in matrix.nearest(QUERY, count)]


@pytest.mark.parametrize(
    ("matrix", "query"),
    [(EMPTY, QUERY), (updated(EMPTY, {1: (1, [0.5])}), np.zeros(3, dtype=np.float32))],
    ids=["empty", "no direction"],
)
def test_nothing_to_compare_finds_nothing(matrix: Matrix, query: NDArray[np.float32]) -> None:
    """An empty index and a text without words are not errors."""
    assert [] == matrix.nearest(query, 5)
