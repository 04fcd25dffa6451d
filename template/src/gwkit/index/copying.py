"""Copies an index from one store to another, with its vectors: nothing is embedded again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import structlog

from gwkit.errors import AppError, RetrievalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gwkit.documents import Chunk, Document
    from gwkit.index.store import Failure, Index, LedgerEntry
    from gwkit.models.protocols import Vectors

__all__ = ["CopySummary", "IndexCopy"]

_log = structlog.stdlib.get_logger(__name__)

_BATCH = 8
"""Documents in hand at a time, each with its chunks and vectors in memory."""

_MOST_PASSES = 3
"""Passes over the documents; each one after the first does what has changed in the meantime."""

_MOST_NAMES = 5


@dataclass(slots=True)
class CopySummary:
    """The results of a copy.

    `documents`, with their `chunks`, were read from both stores after the copy, and are equal;
    `copied` of them were written by this run, and `removed` others were not in the source.
    `different` names the documents that are not equal. A copy is `complete` if the target has what
    the source has, and nothing else.
    """

    documents: int = 0
    chunks: int = 0
    copied: int = 0
    removed: int = 0
    failures: int = 0
    seconds: float = 0.0
    different: list[str] = field(default_factory=list)
    complete: bool = False


@dataclass(slots=True)
class IndexCopy:
    """Copies documents and failures, in batches; one that was interrupted is gone on with.

    Args:
        source: read only.
        target: an index with the same manifest.
        progress: is called with the documents done, their number, and the one in hand.
        stop: says whether to stop after the batch in hand.
    """

    source: Index
    target: Index
    progress: Callable[[int, int, str], None]
    stop: Callable[[], bool]
    summary: CopySummary = field(init=False, default_factory=CopySummary)
    _equal: dict[str, LedgerEntry] = field(init=False, default_factory=dict)
    _different: set[str] = field(init=False, default_factory=set)

    async def run(self, *, overwrite: bool = False) -> CopySummary:
        """Copy what the target lacks, compare both, and return what was done.

        Args:
            overwrite: whether documents of the target that the source lacks, or has in another
                version, may be removed and replaced.

        Raises:
            RetrievalError: there is nothing to copy, the target has such documents, or one of the
                stores failed. What was copied stays.
        """
        started = perf_counter()
        await self._check(overwrite=overwrite)
        passes = 0
        while not self.stop() and not await self._is_complete() and passes < _MOST_PASSES:
            passes += 1
            await self._copy_documents()
            await self._copy_failures()
            await self._compare()
        self.summary.different = sorted(self._different)
        self.summary.documents = len(self._equal)
        self.summary.chunks = sum(entry.chunks for entry in self._equal.values())
        self.summary.seconds = perf_counter() - started
        _log.info("index_copied", documents=self.summary.documents, passes=passes)
        return self.summary

    async def _check(self, *, overwrite: bool) -> None:
        wanted, failures = await self.source.ledger(), await self.source.failures()
        if not wanted and not failures:
            raise RetrievalError("there is nothing to copy: the index that is in use is empty")
        there = await self.target.ledger()
        others = [name for name in there if not _is_same(there[name], wanted.get(name))]
        others += (await self.target.failures()).keys() - failures.keys() - there.keys()
        if others and not overwrite:
            some = ", ".join(sorted(others)[:_MOST_NAMES])
            raise RetrievalError(
                f"the target has {len(others):,} documents that are not in the index, or in "
                f"another version ({some}{', …' if len(others) > _MOST_NAMES else ''}); "
                "--replace removes or replaces them"
            )

    async def _is_complete(self) -> bool:
        wanted, there = await self.source.ledger(), await self.target.ledger()
        ours, theirs = await self.source.failures(), await self.target.failures()
        self._different &= wanted.keys()
        self._equal = {
            name: entry
            for name, entry in self._equal.items()
            if entry == wanted.get(name) and _is_same(entry, there.get(name))
        }
        self.summary.failures = len(ours)
        self.summary.complete = (
            self._equal.keys() == wanted.keys() == there.keys()
            and ours.keys() == theirs.keys()
            and all(_is_alike(ours[name], theirs[name]) for name in ours)
        )
        return self.summary.complete

    async def _copy_documents(self) -> None:
        wanted, there = await self.source.ledger(), await self.target.ledger()
        for name in sorted(there.keys() - wanted.keys()):
            self.summary.removed += await self.target.remove(name)
        missing = [
            name
            for name, entry in wanted.items()
            if name in self._different or not _is_same(entry, there.get(name))
        ]

        async def copy(name: str) -> None:
            if (whole := await self.source.export_document(name)) is None:
                return  # removed in the meantime
            try:
                await self.target.replace(*whole)
            except AppError as exc:
                raise RetrievalError(f"{name} could not be copied: {exc}") from exc
            self.summary.copied += 1

        await self._each(missing, copy)

    async def _copy_failures(self) -> None:
        ours, theirs = await self.source.failures(), await self.target.failures()
        for name in theirs.keys() - ours.keys():
            await self.target.forget(name)
        for name, failure in ours.items():
            if failure != theirs.get(name):
                await self.target.fail(failure)

    async def _compare(self) -> None:
        wanted = await self.source.ledger()

        async def compare(name: str) -> None:
            ours, theirs = await asyncio.gather(
                self.source.export_document(name), self.target.export_document(name)
            )
            if ours is not None and theirs is not None and _has_same(ours, theirs):
                self._equal[name] = wanted[name]
                self._different.discard(name)
            else:
                self._different.add(name)

        await self._each([name for name in wanted if name not in self._equal], compare)

    async def _each(self, names: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
        """Do some work on documents, batch by batch, until `stop` says so."""
        for start in range(0, len(names), _BATCH):
            if self.stop():
                return
            self.progress(start, len(names), names[start])
            batch = map(work, names[start : start + _BATCH])
            # All of a batch ends before an error goes on, as the stores are closed then.
            for result in await asyncio.gather(*batch, return_exceptions=True):
                if result is not None:
                    raise result


def _is_same(one: LedgerEntry, other: LedgerEntry | None) -> bool:
    return other is not None and one == replace(other, indexed_at=one.indexed_at)


def _is_alike(one: Failure, other: Failure) -> bool:
    """Return whether failures agree but for attempts and times, which not every store may keep."""
    return _without_times(one) == _without_times(other)


def _without_times(failure: Failure) -> Failure:
    return replace(failure, attempts=0, failed_at="", first_failed_at="")


def _has_same(
    one: tuple[Document, Sequence[Chunk], Vectors], other: tuple[Document, Sequence[Chunk], Vectors]
) -> bool:
    (document, chunks, vectors), (same_document, same_chunks, same_vectors) = one, other
    return (
        replace(document, blocks=()) == replace(same_document, blocks=())
        and [replace(chunk, tokens=0) for chunk in chunks]
        == [replace(chunk, tokens=0) for chunk in same_chunks]
        and np.array_equal(vectors, same_vectors)
    )
