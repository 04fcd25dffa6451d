"""A call has a deadline and a count of its attempts."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import pytest

from gwkit.errors import ProviderTimeoutError
from gwkit.resilience.current_call import Call, note_attempt, remaining_seconds
from gwkit.resilience.timeouts import in_time

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


def test_outside_of_a_call_there_is_time() -> None:
    """Without a deadline a part works, too."""
    assert math.inf == remaining_seconds()
    note_attempt()


def test_a_call_within_another_has_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier deadline applies, and the previous one is restored."""
    monkeypatch.setattr("gwkit.resilience.current_call.monotonic", lambda: 100.0)
    with Call.begin(seconds=10).entered():
        with Call.begin(seconds=60).entered():
            assert 10 == remaining_seconds()
        with Call.begin(seconds=1).entered():
            assert 1 == remaining_seconds()
        assert 10 == remaining_seconds()
    assert math.inf == remaining_seconds()


def test_attempts_count_for_every_call_around() -> None:
    """The model counts its own, the chain of models counts all."""
    outer = Call.begin()
    with outer.entered():
        inner = Call.begin()
        with inner.entered():
            note_attempt()
            note_attempt()
        with Call.begin().entered():
            note_attempt()
    assert (3, 2) == (outer.attempts, inner.attempts)


async def test_a_generator_leaves_nothing_behind_in_its_reader() -> None:
    """The call is set only while a piece is awaited, for any reader."""
    seen: list[float] = []

    async def pieces() -> AsyncGenerator[int]:
        for number in range(3):
            seen.append(remaining_seconds())
            yield number

    call, source = Call.begin(seconds=5), pieces()
    assert 0 == await call.next_of(source)
    assert math.inf == remaining_seconds()
    assert 1 == await asyncio.create_task(call.next_of(source))
    assert (2, None) == (await call.next_of(source), await call.next_of(source))
    assert all(seconds <= 5 for seconds in seen)


@pytest.mark.usefixtures("no_waiting")
async def test_what_takes_too_long_is_ended() -> None:
    """The error has the model and the time, and the work is cancelled."""
    ended = asyncio.Event()

    async def stalled() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ProviderTimeoutError, match=r"fake:one sent nothing for 0\.01 seconds"):
        await in_time(stalled(), 0.01, model="fake:one")
    assert ended.is_set()


@pytest.mark.usefixtures("no_waiting")
async def test_the_deadline_cuts_an_attempt_short() -> None:
    """An attempt has its own timeout, or the rest of the call's."""
    with Call.begin(seconds=0.01).entered(), pytest.raises(ProviderTimeoutError):
        await in_time(asyncio.Event().wait(), 60, model="fake:one")
    with Call.begin(seconds=-1).entered(), pytest.raises(ProviderTimeoutError):
        await in_time(asyncio.Event().wait(), 60, model="fake:one")


async def test_what_is_in_time_is_returned() -> None:
    """The result is returned, with and without a limit."""

    async def quick() -> str:
        return "done"

    assert "done" == await in_time(quick(), 1, model="fake:one")
    assert "done" == await in_time(quick(), math.inf, model="fake:one")


async def test_a_cancellation_is_no_timeout() -> None:
    """A cancelled caller gets a cancellation."""
    task = asyncio.create_task(in_time(asyncio.Event().wait(), 60, model="fake:one"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
