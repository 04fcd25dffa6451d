"""The timeout of a stream applies to each piece, not to the whole."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from gwkit.errors import ProviderTimeoutError
from gwkit.resilience.current_call import Call
from gwkit.resilience.timeouts import StreamTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.usefixtures("no_waiting")


async def pieces(*waits: float) -> AsyncGenerator[int]:
    """Yield a number after each of these times, in seconds."""
    for number, seconds in enumerate(waits):
        await asyncio.sleep(seconds)
        yield number


async def read(waiting: StreamTimeout, source: AsyncGenerator[int]) -> list[int]:
    """Return all pieces."""
    found: list[int] = []
    async with aclosing(source):
        while (piece := await waiting.next_of(source)) is not None:
            found.append(piece)
    waiting.close()
    return found


async def test_a_long_stream_of_quick_pieces_is_read() -> None:
    """Each wait is timed on its own, with one shared timer."""
    assert list(range(12)) == await read(StreamTimeout(0.2, model="fake:one"), pieces(*[0.04] * 12))


@pytest.mark.parametrize("waits", [(5.0,), (0.0, 5.0), (0.03, 0.03, 0.03, 5.0)])
async def test_a_stalled_stream_is_ended(waits: tuple[float, ...]) -> None:
    """Any piece may be missing; the task continues."""
    source = pieces(*waits)
    with pytest.raises(ProviderTimeoutError, match=r"fake:one sent nothing for 0\.05 seconds"):
        await read(StreamTimeout(0.05, model="fake:one"), source)
    task = asyncio.current_task()
    assert task is not None
    assert 0 == task.cancelling()
    with pytest.raises(StopAsyncIteration):
        await anext(source)


async def test_a_slow_reader_is_not_the_streams_fault() -> None:
    """Time between the waits does not count."""
    waiting, source = StreamTimeout(0.05, model="fake:one"), pieces(0, 0, 0)
    for number in range(3):
        assert number == await waiting.next_of(source)
        await asyncio.sleep(0.08)
    waiting.close()


async def test_the_deadline_of_the_call_counts() -> None:
    """The deadline applies if it is earlier than the timeout of a piece."""
    with Call.begin(seconds=0.03).entered(), pytest.raises(ProviderTimeoutError):
        await read(StreamTimeout(60, model="fake:one"), pieces(0, 5.0))


async def test_a_cancellation_is_no_timeout() -> None:
    """A cancelled reader gets a cancellation, also if a wait ends at the same time."""
    for seconds in (60, 0.0):
        waiting = StreamTimeout(seconds, model="fake:one")
        task = asyncio.create_task(read(waiting, pieces(5.0)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        waiting.close()


async def test_several_tasks_may_read() -> None:
    """Each waits for its own piece, and only the late one is ended."""
    waiting, source = StreamTimeout(0.05, model="fake:one"), pieces(0, 0, 5.0)
    assert 0 == await asyncio.create_task(waiting.next_of(source))
    assert 1 == await asyncio.create_task(waiting.next_of(source))
    with pytest.raises(ProviderTimeoutError):
        await asyncio.create_task(waiting.next_of(source))


async def test_an_error_of_the_stream_goes_on() -> None:
    """Its timer is stopped, too."""

    async def failing() -> AsyncGenerator[int]:
        yield 0
        raise ValueError("broken")

    waiting = StreamTimeout(0.05, model="fake:one")
    with pytest.raises(ValueError, match="broken"):
        await read(waiting, failing())
    waiting.close()
    await asyncio.sleep(0.08)
