"""The memory profiler."""

from __future__ import annotations

import tracemalloc

import pytest

from gwkit.telemetry.profiling import MemoryProfile, measure

MEGABYTE = 1_000_000


def nearly(megabytes: float) -> object:
    """Return a matcher for a number of bytes, within the interpreter's noise."""
    return pytest.approx(megabytes * MEGABYTE, abs=0.2 * MEGABYTE)


def test_peak_and_current_are_told_apart() -> None:
    """Released memory counts for the peak only; kept memory counts for both."""
    with measure() as profile:
        kept = bytearray(MEGABYTE)
        released = bytearray(3 * MEGABYTE)
        del released
    assert nearly(1) == profile.current_bytes
    assert nearly(4) == profile.peak_bytes
    assert MEGABYTE == len(kept)


def test_an_inner_block_does_not_hide_the_outer_peak() -> None:
    """Each block has its own peak, before, in, or after the inner block."""
    with measure() as outer:
        early = bytearray(5 * MEGABYTE)
        del early
        with measure() as inner:
            late = bytearray(2 * MEGABYTE)
            del late
    assert nearly(5) == outer.peak_bytes
    assert nearly(2) == inner.peak_bytes

    with measure() as outer, measure() as inner:
        high = bytearray(2 * MEGABYTE)
        del high
    assert nearly(2) == outer.peak_bytes
    assert nearly(2) == inner.peak_bytes


def test_memory_that_was_there_before_does_not_count() -> None:
    """A block counts from its own start, and is negative if it releases older memory."""
    with measure():
        older = bytearray(MEGABYTE)
        with measure() as profile:
            del older
    assert nearly(-1) == profile.current_bytes
    assert nearly(0) == profile.peak_bytes


def test_off_is_off() -> None:
    """A disabled block traces and reports nothing."""
    with measure(enabled=False) as profile:
        assert not tracemalloc.is_tracing()
        bytearray(MEGABYTE)
    assert MemoryProfile(current_bytes=0, peak_bytes=0) == profile


@pytest.mark.parametrize("running", [False, True])
def test_tracing_is_left_as_it_was(*, running: bool) -> None:
    """Tracing ends with the outermost block, unless it was on before."""
    if running:
        tracemalloc.start()
    try:
        with measure(), measure():
            assert tracemalloc.is_tracing()
        assert running == tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_a_failing_block_is_measured() -> None:
    """The numbers are available after an exception, and tracing has ended."""
    profile = MemoryProfile()

    def fail() -> None:
        nonlocal profile
        with measure() as profile:
            raise KeyError([bytearray(MEGABYTE)])

    with pytest.raises(KeyError):
        fail()
    assert nearly(1) == profile.peak_bytes
    assert not tracemalloc.is_tracing()


def test_what_comes_later_does_not_count() -> None:
    """A finished block keeps its numbers."""
    with measure() as outer, measure() as inner:
        early = bytearray(MEGABYTE)
        del early
    with measure():
        late = bytearray(5 * MEGABYTE)
        del late
    assert nearly(1) == inner.peak_bytes
    assert nearly(1) == outer.peak_bytes
