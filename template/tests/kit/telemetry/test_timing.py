"""The timing decorator."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from gwkit.telemetry.profiling import timed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator


class Durations:
    """A sink that records its inputs."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []

    def __call__(self, name: str, milliseconds: float) -> None:
        """Record one duration."""
        self.calls.append((name, milliseconds))


SINK = Durations()


@timed(SINK)
def add(left: int, right: int = 1) -> int:
    """Add two numbers."""
    return left + right


@timed(SINK)
async def add_later(left: int, *, right: int) -> str:
    """Add two numbers, after a while."""
    await asyncio.sleep(0.01)
    return str(left + right)


async def test_types_are_kept() -> None:
    """Type checkers keep arguments, result, and the coroutine type."""
    assert_type(add(1), int)
    assert_type(await add_later(1, right=2), str)
    plain: Callable[[int, int], int] = add
    later: Callable[[], Coroutine[Any, Any, str]] = lambda: add_later(1, right=2)  # noqa: E731 - its type is the test
    assert 3 == plain(1, 2)
    assert "3" == await later()


@pytest.mark.parametrize(
    ("function", "name", "signature"),
    [
        (add, "add", "(left: 'int', right: 'int' = 1) -> 'int'"),
        (add_later, "add_later", "(left: 'int', *, right: 'int') -> 'str'"),
    ],
)
def test_names_and_signatures_are_kept(
    function: Callable[..., object], name: str, signature: str
) -> None:
    """At run time, the decorated function has the original name and signature."""
    assert name == function.__name__
    assert signature == str(inspect.signature(function))
    assert (function.__doc__ or "").startswith("Add two numbers")


def test_a_coroutine_function_stays_one() -> None:
    """Frameworks check whether a function must be awaited."""
    assert inspect.iscoroutinefunction(add_later)
    assert not inspect.iscoroutinefunction(add)


def test_a_call_is_handed_to_the_sink() -> None:
    """Each call is one duration, with the function's name and its milliseconds."""
    before = len(SINK.calls)
    assert 3 == add(1, 2)
    [(name, milliseconds)] = SINK.calls[before:]
    assert "add" == name
    assert 0 <= milliseconds


async def test_waiting_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A coroutine's duration is in milliseconds and includes its awaits."""
    sink = Durations()
    now = [7.0]
    monkeypatch.setattr("gwkit.telemetry.profiling.perf_counter", lambda: now[0])

    async def pass_time() -> None:
        now[0] += 0.02

    @timed(sink)
    async def wait() -> None:
        await pass_time()

    await wait()
    [(name, milliseconds)] = sink.calls
    assert name.endswith("wait")
    assert pytest.approx(20) == milliseconds


async def test_a_failure_is_timed_and_passes() -> None:
    """A call that raises is measured, too, and its exception is unchanged."""
    sink = Durations()

    @timed(sink)
    def fail() -> None:
        raise KeyError("plain")

    @timed(sink)
    async def fail_later() -> None:
        raise KeyError("async")

    with pytest.raises(KeyError, match="plain"):
        fail()
    with pytest.raises(KeyError, match="async"):
        await fail_later()
    assert 2 == len(sink.calls)


def test_a_method_is_timed() -> None:
    """Methods get their instance, and the name includes the class."""
    sink = Durations()

    class Doubler:
        @timed(sink)
        def double(self, number: int) -> int:
            return 2 * number

    assert 4 == Doubler().double(2)
    assert sink.calls[0][0].endswith("Doubler.double")


def test_generators_are_refused() -> None:
    """Calling a generator function runs nothing yet, so its timing would be wrong."""

    def count() -> Iterator[int]:
        yield 1

    async def count_later() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(TypeError, match="count is a generator"):
        timed(SINK)(count)
    with pytest.raises(TypeError, match="count_later is a generator"):
        timed(SINK)(count_later)
