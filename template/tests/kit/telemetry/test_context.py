"""The request id and its propagation."""

from __future__ import annotations

import asyncio

import anyio.to_thread
import pytest
from structlog.contextvars import bound_contextvars

from gwkit.executor import BoundedExecutor
from gwkit.logging.formatting import request_id


def test_an_id_holds_within_its_block() -> None:
    """There is none outside, the innermost applies, and the outer one is restored."""
    assert "" == request_id()
    with bound_contextvars(request_id="outer"):
        with bound_contextvars(request_id="inner"):
            assert "inner" == request_id()
        assert "outer" == request_id()
    assert "" == request_id()


def test_an_id_ends_with_its_block_when_it_fails() -> None:
    """An exception does not leak the id into the next request."""
    with pytest.raises(KeyError), bound_contextvars(request_id="doomed"):
        raise KeyError
    assert "" == request_id()


async def test_concurrent_requests_keep_their_ids_in_tasks_and_threads() -> None:
    """Requests that interleave see their own id, in their tasks and in every kind of thread."""
    executor = BoundedExecutor(4, name="test")

    async def serve(number: int) -> None:
        expected = f"request-{number}"
        with bound_contextvars(request_id=expected):
            await asyncio.sleep(0.001 * (number % 3))
            seen = await asyncio.gather(
                child(),
                asyncio.create_task(child()),
                asyncio.to_thread(request_id),
                anyio.to_thread.run_sync(request_id),
                executor.run(request_id),
            )
            assert [expected] * 5 == list(seen)
            assert expected == request_id()

    async def child() -> str:
        await asyncio.sleep(0)
        return request_id()

    await asyncio.gather(*(serve(number) for number in range(20)))
    executor.close()
    assert "" == request_id()
