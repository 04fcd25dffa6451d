"""Separate threads for a caller's work, which ends when the caller disconnects."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from threading import Event, current_thread

import pytest

from gwkit.errors import OverloadError
from gwkit.executor import BoundedExecutor, checkpoint, is_abandoned

NAME: ContextVar[str] = ContextVar("name", default="")


class Job:
    """Runs until it is released, or abandoned, and says so."""

    def __init__(self) -> None:
        self.started, self.released, self.ended = Event(), Event(), ""

    def __call__(self) -> str:
        """Run."""
        self.started.set()
        self.ended = "abandoned"
        while not self.released.wait(0.001):
            checkpoint()
        self.ended = "released"
        return self.ended


async def test_a_job_runs_in_a_thread_with_the_caller_s_context() -> None:
    """Log lines have the request's id, and the result or error is the caller's."""
    executor = BoundedExecutor(1, name="test")
    NAME.set("mine")

    assert ("mine", "test_0") == await executor.run(lambda: (NAME.get(), current_thread().name))
    with pytest.raises(ZeroDivisionError):
        await executor.run(lambda: 1 // 0)
    executor.close()


async def test_more_than_the_queue_holds_is_refused() -> None:
    """One job runs, one waits, and the third is rejected until there is room again."""
    executor, job = BoundedExecutor(1, name="test", most_waiting=1), Job()
    running = asyncio.create_task(executor.run(job))
    await asyncio.to_thread(job.started.wait)
    waiting = asyncio.create_task(executor.run(len, "abc"))
    await asyncio.sleep(0)
    with pytest.raises(OverloadError):
        await executor.run(len, "")

    job.released.set()
    assert ("released", 3) == (await running, await waiting)
    assert 0 == await executor.run(len, "")
    executor.close()


async def test_work_ends_when_its_caller_has_gone() -> None:
    """A running job ends at its next checkpoint, a waiting one never begins."""
    executor, job, never = BoundedExecutor(1, name="test"), Job(), Job()
    calls = [asyncio.create_task(executor.run(each)) for each in (job, never)]
    await asyncio.to_thread(job.started.wait)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    await asyncio.to_thread(executor.close)
    assert "abandoned" == job.ended
    assert not never.started.is_set()


def test_outside_of_executors_nothing_is_abandoned() -> None:
    """The same code runs in a command or a parser process, where it is not cancelled."""
    checkpoint()
    assert not is_abandoned()
