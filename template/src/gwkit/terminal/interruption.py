"""Stopping at a good place: a signal is noted, and the work ends by itself."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Interruption", "interruptible"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Whether a person or the system has asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __call__(self) -> bool:
        """Tell whether to stop."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells count: 130 for SIGINT, 143 for SIGTERM; else 0."""
        return 128 + self.signal if self.signal is not None else 0


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Note the first SIGINT or SIGTERM instead of dying of it; a second one ends at once."""
    interruption = Interruption()
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _frame: FrameType | None) -> None:
        interruption.signal = signal.Signals(number)
        restore()

    for number in _SIGNALS:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        restore()
