"""Counts the attempts and tokens of the current call, and says how much time it has left."""

from __future__ import annotations

import math
from time import monotonic
from typing import TYPE_CHECKING

from gwkit.models.calls import current_call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gwkit.models.calls import Call

__all__ = ["note_attempt", "note_usage", "remaining_seconds"]


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
    call = current_call()
    return math.inf if call is None else call.deadline - monotonic()


def _calls() -> Iterator[Call]:
    call = current_call()
    while call is not None:
        yield call
        call = call.outer
