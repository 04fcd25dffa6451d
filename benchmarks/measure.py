"""Paired measurements: both sides by turns, so that disturbances affect both."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Pairs", "alternate", "percentile", "seconds"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """The figures of two sides, in pairs that were measured together."""

    each: Sequence[tuple[float, float]]

    @property
    def ours(self) -> float:
        """The median of our side."""
        return statistics.median(ours for ours, _ in self.each)

    @property
    def theirs(self) -> float:
        """The median of the other side."""
        return statistics.median(theirs for _, theirs in self.each)

    @property
    def ratio(self) -> float:
        """The median of the pairs' ratios, ours to theirs."""
        return statistics.median(self._ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The lower and upper quartile of the pairs' ratios."""
        return percentile(self._ratios, 25), percentile(self._ratios, 75)

    @property
    def added(self) -> float:
        """The median of the pairs' differences, ours minus theirs."""
        return statistics.median(ours - theirs for ours, theirs in self.each)

    @property
    def _ratios(self) -> list[float]:
        return [ours / theirs for ours, theirs in self.each]


def alternate(
    ours: Callable[[], float],
    theirs: Callable[[], float],
    rounds: int,
    *,
    warm: int = 1,
    told: Callable[[str], None] = lambda _: None,
) -> Pairs:
    """Measure both sides by turns.

    Args:
        ours: takes our figure once, such as the seconds that a piece of work takes.
        theirs: takes the other side's.
        rounds: how many pairs to take.
        warm: how many pairs to take before, and forget: connections, caches.
        told: receives progress messages.
    """
    each = []
    for place in range(-warm, rounds):
        told(f"round {place + 1} of {rounds}" if place >= 0 else "warming up")
        # The first side finds other caches than the second, so the order alternates, too.
        if place % 2:
            second = theirs()
            pair = ours(), second
        else:
            pair = ours(), theirs()
        if place >= 0:
            each.append(pair)
    return Pairs(each)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile, interpolated between the two nearest values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def seconds(work: Callable[[], object]) -> float:
    """Return the duration of the work, in seconds."""
    started = perf_counter()
    work()
    return perf_counter() - started
