"""The request id and its propagation."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import anyio.to_thread
import pytest
from structlog.contextvars import bound_contextvars

from gwkit.telemetry.context import carry_context, request_id


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
    """Interleaved requests keep their own id, in their tasks and in every kind of thread."""
    with ThreadPoolExecutor(4) as pool:
        loop = asyncio.get_running_loop()

        async def serve(number: int) -> None:
            expected = f"request-{number}"
            with bound_contextvars(request_id=expected):
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

        async def child() -> str:
            await asyncio.sleep(0)
            return request_id()

        await asyncio.gather(*(serve(number) for number in range(20)))
    assert "" == request_id()


def test_a_plain_executor_needs_the_context_carried() -> None:
    """A bare thread has no id; a wrapped function has its own, also concurrently."""
    start = threading.Barrier(4, timeout=60)

    def look(_number: int) -> str:
        start.wait()
        return request_id()

    with ThreadPoolExecutor(4) as pool, bound_contextvars(request_id="carried"):
        assert [""] * 4 == list(pool.map(look, range(4)))
        assert ["carried"] * 4 == list(pool.map(carry_context(look), range(4)))


def test_a_carried_function_stays_itself() -> None:
    """Arguments, results and the name are passed through, and bindings stay in the thread."""

    def bind_and_join(*parts: str, joint: str) -> str:
        """Join the parts."""
        with bound_contextvars(request_id="inside"):
            return joint.join(parts)

    carried = carry_context(bind_and_join)
    assert "a-b" == carried("a", "b", joint="-")
    assert "bind_and_join" == carried.__name__
    assert "" == request_id()
