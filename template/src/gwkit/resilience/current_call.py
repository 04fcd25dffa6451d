"""The current call of a model: its attempts and tokens, and how much time it has left.

A `ContextVar` holds it, so that the parts around a model need not pass it on. An async generator
runs in its reader's context; so a part that yields sets the variable only while it waits for a
piece itself: `async with aclosing(…) as pieces: piece = await call.next_of(pieces)`.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

__all__ = ["Call", "note_attempt", "note_usage", "remaining_seconds"]

_T = TypeVar("_T")


@dataclass(slots=True)
class Call:
    """A call of a model, or one within another, as those of a chain of models are.

    `deadline` is when its caller stops waiting, on the clock of `time.monotonic`; `attempts` is how
    often something was sent for it, and the tokens are those that the provider has told of, over
    all attempts.
    """

    deadline: float = math.inf
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    outer: Call | None = None

    @classmethod
    def begin(cls, *, seconds: float = math.inf) -> Call:
        """Return a call that may take so long, and no longer than the one under way."""
        outer = _current.get()
        deadline = monotonic() + seconds
        return cls(min(deadline, outer.deadline) if outer else deadline, outer=outer)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Return a context manager in which this is the call under way; no `yield` within."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    async def next_of(self, pieces: AsyncGenerator[_T]) -> _T | None:
        """Return the next piece, asked for within this call, or `None` at the end."""
        with self.entered():
            return await anext(pieces, None)


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def note_attempt() -> None:
    """Count an attempt of the call under way, and of those that it is part of."""
    for call in _calls():
        call.attempts += 1


def note_usage(prompt_tokens: int, completion_tokens: int = 0) -> None:
    """Count what a provider says that an attempt took, also where its answer is of no use."""
    for call in _calls():
        call.prompt_tokens += prompt_tokens
        call.completion_tokens += completion_tokens


def remaining_seconds() -> float:
    """Return how long the call under way may still take, infinite without a limit."""
    call = _current.get()
    return math.inf if call is None else call.deadline - monotonic()


def _calls() -> Iterator[Call]:
    call = _current.get()
    while call is not None:
        yield call
        call = call.outer
