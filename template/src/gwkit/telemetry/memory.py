"""Measure the memory that a block of code takes, with `tracemalloc`."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MemoryProfile", "measure"]


@dataclass(slots=True)
class MemoryProfile:
    """What a block allocated, in bytes, counted from the block's start.

    `current_bytes` is what was still held at the end (negative where more was released than
    taken); `peak_bytes` is the most that was held at any moment. Both stay 0 until the block ends,
    and where measuring is off. Other threads' allocations during the block count as well.
    """

    current_bytes: int = 0
    peak_bytes: int = 0


@contextmanager
def measure(*, enabled: bool = True) -> Iterator[MemoryProfile]:
    """Measure the block; blocks may be nested, or overlap in threads and tasks.

    Tracing slows allocation down several times over. Where `enabled` is false nothing is traced
    and the block costs next to nothing, so a flag may stay in the code.
    """
    profile = MemoryProfile()
    if not enabled:
        yield profile
        return
    block = _tracing.enter()
    try:
        yield profile
    finally:
        held = _tracing.leave(block)
        profile.current_bytes = held - block.start
        profile.peak_bytes = block.highest - block.start


@dataclass(slots=True, eq=False)
class _Block:
    """An open block: bytes traced at its start, and at their highest since then."""

    start: int
    highest: int


class _Tracing:
    """The open blocks of the process.

    `tracemalloc` has one peak for all of them, so each time that the peak is read and reset,
    every open block takes note of it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._blocks: list[_Block] = []
        self._ours = False

    def enter(self) -> _Block:
        with self._lock:
            if not tracemalloc.is_tracing():
                tracemalloc.start()
                self._ours = True
            held = self._note_peak()
            block = _Block(start=held, highest=held)
            self._blocks.append(block)
            return block

    def leave(self, block: _Block) -> int:
        with self._lock:
            held = self._note_peak()
            self._blocks.remove(block)
            if self._ours and not self._blocks:
                tracemalloc.stop()
                self._ours = False
            return held

    def _note_peak(self) -> int:
        held, peak = tracemalloc.get_traced_memory()
        for block in self._blocks:
            block.highest = max(block.highest, peak)
        tracemalloc.reset_peak()
        return held


_tracing = _Tracing()
