"""The vectors of an index file, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gwkit.errors import RetrievalError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gwkit.models.protocols import Vector, Vectors

__all__ = ["Ids", "Matrix"]

Ids = NDArray[np.int64]
"""Row ids of documents or chunks."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Every vector of one state of an index: immutable, so that a search may go on with it.

    `documents` and `chunks` are of shape (n,), `vectors` of shape (n, d).
    """

    documents: Ids
    chunks: Ids
    vectors: Vectors

    @classmethod
    def of_size(cls, rows: int, dimension: int) -> Matrix:
        """Return a matrix that is still to be filled."""
        documents, chunks = np.empty((2, rows), dtype=np.int64)
        return cls(documents, chunks, np.empty((rows, dimension), dtype=np.float32))

    def nearest(
        self, query: Vector, count: int, documents: Ids | None = None
    ) -> list[tuple[int, float]]:
        """Return the `count` best chunks, best first, with their scores; ties by chunk id.

        Every vector is compared, and a restriction is applied before the best are chosen. What
        is at a right angle to the query or beyond has nothing in common with it and is left out.

        Args:
            query: the vector to compare with, of shape (d,).
            count: most chunks to return.
            documents: ids of the documents that may be found; all by default.
        """
        # Not `@`: the threads of a BLAS wait for each other by spinning, and where several
        # searches share the processors that took ten times as long as in this thread alone.
        scores = np.vecdot(self.vectors, query)
        is_found = scores > 0
        if documents is not None:
            is_found &= np.isin(self.documents, documents)
        best = np.flatnonzero(is_found)
        if 0 < count < len(best):
            # With all that are as good as the last one, so that the same ones are chosen each time.
            least = np.partition(scores[best], -count)[-count]
            best = best[scores[best] >= least]
        order = np.lexsort((self.chunks[best], -scores[best]))[: max(0, count)]
        chosen = best[order]
        return list(zip(self.chunks[chosen].tolist(), scores[chosen].tolist(), strict=True))

    def updated(self, changed: Ids, rows: Iterable[tuple[int, int, bytes]], added: int) -> Matrix:
        """Return the matrix in which `rows` stand in place of all rows of the changed documents.

        Args:
            changed: ids of the documents that were written or removed.
            rows: those documents as the file has them: id, id of the first chunk, vectors. Taken
                one by one, so that a whole index is loaded without a second copy in memory.
            added: number of vectors in `rows`.

        Raises:
            RetrievalError: stored vectors do not have the dimension.
        """
        stay = np.flatnonzero(np.isin(self.documents, changed, invert=True))
        end, dimension = len(stay), self.vectors.shape[1]
        matrix = Matrix.of_size(end + added, dimension)
        np.take(self.documents, stay, out=matrix.documents[:end], mode="clip")
        np.take(self.chunks, stay, out=matrix.chunks[:end], mode="clip")
        np.take(self.vectors, stay, axis=0, out=matrix.vectors[:end], mode="clip")
        for document, first, blob in rows:
            if not dimension or len(blob) % (4 * dimension):
                raise RetrievalError("the index's vectors are damaged; rebuild it")
            vectors = np.frombuffer(blob, dtype="<f4").reshape(-1, dimension)
            start, end = end, end + len(vectors)
            matrix.documents[start:end] = document
            matrix.chunks[start:end] = np.arange(first, first + len(vectors))
            matrix.vectors[start:end] = vectors
        return matrix
