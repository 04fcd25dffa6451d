"""Concurrent calls are limited; the others wait in order, for a limited time."""

from __future__ import annotations

import asyncio

import pytest

from gwkit.errors import ModelUnavailableError
from gwkit.resilience.current_call import Call
from gwkit.resilience.limit import CallLimit

pytestmark = pytest.mark.usefixtures("no_waiting")


async def test_the_bound_holds() -> None:
    """No more calls run than the limit allows, and all get their turn."""
    limit = CallLimit("fake:one", most=3, wait_seconds=5)
    through = most = done = 0

    async def call() -> None:
        nonlocal through, most, done
        async with limit.slot():
            through += 1
            most = max(most, through)
            await asyncio.sleep(0.001)
            through -= 1
            done += 1

    await asyncio.gather(*(call() for _ in range(20)))
    assert (3, 20) == (most, done)


async def test_who_came_first_goes_first() -> None:
    """Also if a new call arrives just as a place becomes free."""
    limit = CallLimit("fake:one", most=1, wait_seconds=5)
    order: list[int] = []

    async def call(number: int) -> None:
        async with limit.slot():
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(call(number) for number in range(10)))
    assert list(range(10)) == order


@pytest.mark.parametrize(("wait_seconds", "deadline"), [(0.02, 60), (60, 0.02)])
async def test_the_wait_is_bounded(wait_seconds: float, deadline: float) -> None:
    """The queue's and the call's own limit apply; a rejected call takes no place."""
    limit = CallLimit("fake:one", most=1, wait_seconds=wait_seconds)
    async with limit.slot():
        refused = pytest.raises(ModelUnavailableError, match="APP_LLM_CONCURRENCY")
        with Call.begin(seconds=deadline).entered(), refused as caught:
            async with limit.slot():
                pytest.fail("there were two")
    assert 1 == caught.value.retry_after
    async with limit.slot():
        pass


async def test_a_cancelled_wait_takes_no_place() -> None:
    """A caller who gives up waiting leaves the queue."""
    limit = CallLimit("fake:one", most=1, wait_seconds=60)
    async with limit.slot():
        waiting = asyncio.create_task(limit.slot().__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(60), limit.slot():
        pass
