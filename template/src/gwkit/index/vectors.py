"""The vectors of an index in memory: immutable, exact, and cheap to bring up to date.

A matrix is a tuple of blocks. Bringing it up to date makes a new matrix that shares every block
which did not change, so a search that still runs on the older one is not disturbed, and neither
growth nor removal ever copies more than a few blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from gwkit.models.ports import Vector, Vectors

__all__ = ["BLOCK_ROWS", "Ids", "Matrix", "Rows"]

BLOCK_ROWS = 2048
"""Rows in a full block: some megabytes, so that copying one costs about a millisecond."""

_GATHER_BELOW = 0.25
"""Share of a block's rows below which picking them out is cheaper than scoring them all."""

Ids = NDArray[np.int64]
"""Row ids of documents or chunks."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some chunks' vectors: `documents` and `chunks` of shape (n,), `vectors` of shape (n, d)."""

    documents: Ids
    chunks: Ids
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.chunks)

    def take(self, which: slice | NDArray[np.bool_]) -> Rows:
        """Return the rows that a slice or a mask selects."""
        return Rows(self.documents[which], self.chunks[which], self.vectors[which])

    def scores(self, query: Vector, documents: Ids | None) -> Vector:
        """Return each row's scalar product with the query; minus infinity where not allowed."""
        if documents is None:
            return _products(self.vectors, query)
        allowed = np.isin(self.documents, documents)
        scores = np.full(len(self), -np.inf, dtype=np.float32)
        if np.count_nonzero(allowed) < _GATHER_BELOW * len(self):
            scores[allowed] = _products(self.vectors[allowed], query)
        else:
            np.copyto(scores, _products(self.vectors, query), where=allowed)
        return scores


@dataclass(frozen=True, slots=True)
class Matrix:
    """Every vector of one state of an index."""

    blocks: tuple[Rows, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def updated(self, changed: Collection[int], rows: Iterable[Rows]) -> Matrix:
        """Return the matrix in which `rows` stand in place of all rows of the changed documents.

        Args:
            changed: ids of the documents that were written or removed.
            rows: what those documents have now; taken one by one, so that a whole index is loaded
                without a second copy of it in memory.
        """
        full: list[Rows] = []
        loose: list[Rows] = []
        gone = np.fromiter(changed, dtype=np.int64, count=len(changed))
        for block in self.blocks:
            stays = np.isin(block.documents, gone, invert=True)
            rest = block if stays.all() else block.take(stays)
            # Half-empty blocks are packed again, so there are never more than twice as many as
            # the rows need.
            (full if 2 * len(rest) > BLOCK_ROWS else loose).append(rest)
        return Matrix((*full, *_packed(chain(loose, rows))))

    def nearest(
        self, query: Vector, count: int, documents: Ids | None = None
    ) -> list[tuple[int, float]]:
        """Return the `count` best chunks with their scores, best first; ties by chunk id.

        The whole matrix is compared, and a restriction is applied before the best are chosen. What
        is at a right angle to the query or beyond has nothing in common with it and is left out.

        Args:
            query: the vector to compare with, of shape (d,).
            count: most chunks to return.
            documents: ids of the documents that may be found; all by default.
        """
        if count < 1 or not self.blocks:
            return []
        scores = np.concatenate([block.scores(query, documents) for block in self.blocks])
        chunks = np.concatenate([block.chunks for block in self.blocks])
        best = np.flatnonzero(scores > 0)
        if count < len(best):
            # With all that are as good as the last one, so that the same ones are chosen each time.
            least = np.partition(scores[best], -count)[-count]
            best = best[scores[best] >= least]
        order = np.lexsort((chunks[best], -scores[best]))[:count]
        return list(zip(chunks[best][order].tolist(), scores[best][order].tolist(), strict=True))


def _products(vectors: Vectors, query: Vector) -> Vector:
    # Not `@`: the threads of a BLAS wait for each other by spinning, and where several searches
    # share the processors that took ten times as long as products in this thread alone.
    products: Vector = np.vecdot(vectors, query)
    return products


def _packed(parts: Iterable[Rows]) -> Iterator[Rows]:
    """Yield the same rows in blocks of `BLOCK_ROWS`, the last of which may be shorter."""
    held: list[Rows] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        while size >= BLOCK_ROWS:
            joined = _joined(held)
            yield _joined([joined.take(slice(BLOCK_ROWS))])
            held = [joined.take(slice(BLOCK_ROWS, None))]
            size -= BLOCK_ROWS
    if size:
        yield _joined(held)


def _joined(parts: Sequence[Rows]) -> Rows:
    """Return the parts as one, in memory of its own."""
    return Rows(
        np.concatenate([part.documents for part in parts]),
        np.concatenate([part.chunks for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )
