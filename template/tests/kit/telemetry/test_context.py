"""Tests of the request id and of how it travels."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest

from gwkit.telemetry.context import (
    bind_request_id,
    carry_context,
    new_request_id,
    request_id,
    valid_request_id,
)


def test_made_ids_are_well_formed_and_differ() -> None:
    """An id that the service makes is one that it would take."""
    ids = {new_request_id() for _ in range(1_000)}
    assert 1_000 == len(ids)
    assert all(valid_request_id(made) for made in ids)


@pytest.mark.parametrize("text", ["a", "A-b_c.9", "0" * 128, "0b5f-1.2_Z"])
def test_well_formed_ids_are_taken(text: str) -> None:
    """Letters, digits, dots, underscores and dashes, 1 to 128 of them."""
    assert valid_request_id(text)


@pytest.mark.parametrize(
    "text", ["", "0" * 129, "a b", "a/b", "a\n", "\na", "a\x00", "é", "٣", "a;b", "../x", 'a"b']
)
def test_other_ids_are_refused(text: str) -> None:
    """Nothing that could end a line or a header, or climb a path."""
    assert not valid_request_id(text)


def test_an_id_holds_within_its_block() -> None:
    """There is none outside, the innermost counts, and the outer one comes back."""
    assert request_id() is None
    with bind_request_id("outer"):
        with bind_request_id("inner"):
            assert "inner" == request_id()
        assert "outer" == request_id()
    assert request_id() is None


def test_an_id_ends_with_its_block_when_it_fails() -> None:
    """An exception does not leak the id into the next request."""
    with pytest.raises(KeyError), bind_request_id("doomed"):
        raise KeyError
    assert request_id() is None


async def test_concurrent_requests_keep_their_ids_in_tasks_and_threads() -> None:
    """Requests that interleave see their own id, in their tasks and in every kind of thread."""
    with ThreadPoolExecutor(4) as pool:
        loop = asyncio.get_running_loop()

        async def serve(number: int) -> None:
            expected = f"request-{number}"
            with bind_request_id(expected):
                await asyncio.sleep(0.001 * (number % 3))
                seen = await asyncio.gather(
                    child(),
                    asyncio.create_task(child()),
                    asyncio.to_thread(request_id),
                    anyio.to_thread.run_sync(request_id),
                    loop.run_in_executor(pool, carry_context(request_id)),
                )
                assert [expected] * 5 == list(seen)
                assert expected == request_id()

        async def child() -> str | None:
            await asyncio.sleep(0)
            return request_id()

        await asyncio.gather(*(serve(number) for number in range(20)))
    assert request_id() is None


def test_a_plain_executor_needs_the_context_carried() -> None:
    """A bare thread knows no id; a carried function knows its own, also many at once."""
    start = threading.Barrier(4, timeout=60)

    def look(_number: int) -> str | None:
        start.wait()
        return request_id()

    with ThreadPoolExecutor(4) as pool, bind_request_id("carried"):
        assert [None] * 4 == list(pool.map(look, range(4)))
        assert ["carried"] * 4 == list(pool.map(carry_context(look), range(4)))


def test_a_carried_function_stays_itself() -> None:
    """Arguments, results and the name pass through, and what it binds stays in the thread."""

    def bind_and_join(*parts: str, joint: str) -> str:
        """Join the parts."""
        with bind_request_id("inside"):
            return joint.join(parts)

    carried = carry_context(bind_and_join)
    assert "a-b" == carried("a", "b", joint="-")
    assert "bind_and_join" == carried.__name__
    assert request_id() is None
