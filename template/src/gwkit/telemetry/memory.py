"""Measure the memory that a block of code takes, with `tracemalloc`."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MemoryProfile", "measure"]


@dataclass(slots=True)
class MemoryProfile:
    """What a block allocated, in bytes, counted from the block's start.

    `current_bytes` is what was still held at the end (negative where more was released than
    taken); `peak_bytes` is the most that was held at any moment. Both are there when the block has
    ended, and 0 where measuring is off. Other threads' allocations during the block count as well.
    """

    current_bytes: int = 0
    peak_bytes: int = 0


_open: list[MemoryProfile] = []
"""The blocks that are open, each with the highest total since its start as its peak."""


@contextmanager
def measure(*, enabled: bool = True) -> Iterator[MemoryProfile]:
    """Measure the block; blocks may be nested, and belong to one thread and task at a time.

    Tracing slows allocation down several times over. Where `enabled` is false nothing is traced
    and the block costs next to nothing, so a flag may stay in the code.
    """
    profile = MemoryProfile()
    if not enabled:
        yield profile
        return
    if begun := not tracemalloc.is_tracing():
        tracemalloc.start()
    start = profile.peak_bytes = _held_bytes()
    _open.append(profile)
    try:
        yield profile
    finally:
        profile.current_bytes = _held_bytes() - start
        profile.peak_bytes -= start
        _open.pop()
        if begun:
            tracemalloc.stop()


def _held_bytes() -> int:
    """Return the total now; `tracemalloc` has one peak for all blocks, so each takes note of it."""
    held, peak = tracemalloc.get_traced_memory()
    for profile in _open:
        profile.peak_bytes = max(profile.peak_bytes, peak)
    tracemalloc.reset_peak()
    return held
