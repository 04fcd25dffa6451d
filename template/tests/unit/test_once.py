"""Tests of the asynchronous singleton."""

from __future__ import annotations

import asyncio

import pytest

from app.utils.once import AsyncOnce


class Client:
    """An expensive object."""


class Factory:
    """Creates clients slowly, fails as often as configured, and counts."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = 0
        self.failures = failures

    async def __call__(self) -> Client:
        """Make a client, or fail."""
        self.calls += 1
        await asyncio.sleep(0.001)
        if self.calls <= self.failures:
            raise ConnectionError(f"attempt {self.calls}")
        return Client()


async def test_many_first_uses_make_one() -> None:
    """For any number of concurrent callers, the value is created once and shared."""
    factory = Factory()
    once = AsyncOnce(factory)
    clients = await asyncio.gather(*(once.get() for _ in range(200)))
    assert 1 == factory.calls
    assert {id(clients[0])} == {id(client) for client in clients}
    assert clients[0] is await once.get()


async def test_nothing_is_made_before_the_first_use() -> None:
    """Creating the wrapper does not create the value."""
    factory = Factory()
    AsyncOnce(factory)
    await asyncio.sleep(0)
    assert 0 == factory.calls


async def test_a_failure_is_tried_again() -> None:
    """The failed caller gets the error, it is not cached, and the next caller retries."""
    factory = Factory(failures=2)
    once = AsyncOnce(factory)
    results = await asyncio.gather(*(once.get() for _ in range(5)), return_exceptions=True)
    assert ["attempt 1", "attempt 2"] == [str(result) for result in results[:2]]
    assert all(isinstance(result, Client) for result in results[2:])
    assert 3 == factory.calls


async def test_a_cancelled_first_use_leaves_it_to_the_next() -> None:
    """A cancelled caller does not affect the others."""
    factory = Factory()
    once = AsyncOnce(factory)
    impatient = asyncio.create_task(once.get())
    waiting = asyncio.create_task(once.get())
    await asyncio.sleep(0)
    impatient.cancel()
    assert isinstance(await waiting, Client)
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_none_is_a_value() -> None:
    """A maker that returns `None` is not asked twice."""
    calls = 0

    async def make() -> None:
        nonlocal calls
        calls += 1

    once = AsyncOnce(make)
    await once.get()
    await once.get()
    assert 1 == calls
