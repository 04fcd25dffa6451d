"""A failing model gets no calls for a while, and is then probed."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from gwkit.errors import ModelUnavailableError, ProviderError, RateLimitError
from gwkit.resilience.breaker import Circuit, CircuitBreaker
from gwkit.telemetry.metrics import Metrics

FAILURE = ProviderError("server", status=500, passing=True)


class Bench:
    """A breaker whose clock the test controls."""

    def __init__(self, failures: int = 3, probes: int = 1) -> None:
        self.now = 100.0
        self.metrics = Metrics()
        self.breaker = CircuitBreaker(
            "fake:one",
            failures=failures,
            cooldown_seconds=30,
            probes=probes,
            metrics=self.metrics,
            clock=lambda: self.now,
        )

    def attempt(self, error: BaseException | None = None) -> None:
        """Make one attempt with this result."""
        try:
            with self.breaker.guarding():
                if error is not None:
                    raise error
        except type(error or FAILURE) as exc:
            if exc is not error:
                raise

    def is_now(self, state: Circuit) -> bool:
        """Return whether the circuit is in this state."""
        return self.breaker.state is state

    def opened(self) -> Bench:
        """Return itself, with the circuit open."""
        for _ in range(3):
            self.attempt(FAILURE)
        assert self.is_now(Circuit.OPEN)
        return self


def test_it_opens_after_failures_in_a_row() -> None:
    """An open circuit sends nothing, and the error has the time to wait."""
    bench = Bench().opened()
    bench.now += 10
    with pytest.raises(ModelUnavailableError, match="fake:one") as caught, bench.breaker.guarding():
        pytest.fail("an attempt went out")
    assert 20 == caught.value.retry_after


@pytest.mark.parametrize(
    "answer",
    [None, ProviderError("no", status=400), RateLimitError("slow down"), ValueError("a bug")],
)
def test_a_provider_that_answers_is_well(answer: Exception | None) -> None:
    """Only failures in a row count; a success resets the count."""
    bench = Bench()
    for error in (FAILURE, FAILURE, answer, FAILURE, FAILURE):
        bench.attempt(error)
    assert bench.is_now(Circuit.CLOSED)


@pytest.mark.parametrize("abandoned", [asyncio.CancelledError(), GeneratorExit()])
def test_an_abandoned_attempt_says_nothing(abandoned: BaseException) -> None:
    """It is neither a failure nor a success, and frees its place as a probe."""
    bench = Bench()
    for error in (FAILURE, FAILURE, abandoned, FAILURE):
        bench.attempt(error)
    assert bench.is_now(Circuit.OPEN)
    bench.now += 31
    bench.attempt(abandoned)
    assert bench.is_now(Circuit.HALF_OPEN)
    bench.attempt()
    assert bench.is_now(Circuit.CLOSED)


def test_a_probe_that_is_answered_closes_it() -> None:
    """The count of failures is reset."""
    bench = Bench().opened()
    bench.now += 30
    assert bench.is_now(Circuit.HALF_OPEN)
    bench.attempt()
    bench.attempt(FAILURE)
    bench.attempt(FAILURE)
    assert bench.is_now(Circuit.CLOSED)


def test_a_probe_that_fails_opens_it_again() -> None:
    """It stays open for the whole time again."""
    bench = Bench().opened()
    bench.now += 31
    bench.attempt(FAILURE)
    assert bench.is_now(Circuit.OPEN)
    bench.now += 29
    with pytest.raises(ModelUnavailableError):
        bench.attempt()


@pytest.mark.parametrize("probes", [1, 2])
def test_half_open_lets_few_through(probes: int) -> None:
    """The number of concurrent probes is limited; other calls are rejected."""
    bench = Bench(probes=probes).opened()
    bench.now += 31
    under_way = [bench.breaker.guarding() for _ in range(probes)]
    for probe in under_way:
        probe.__enter__()
    with pytest.raises(ModelUnavailableError):
        bench.attempt()
    under_way[0].__exit__(None, None, None)
    assert bench.is_now(Circuit.CLOSED)
    bench.attempt()


def test_what_began_before_a_change_does_not_count_after_it() -> None:
    """An old failure must not open what a probe has closed, nor the other way round."""
    bench = Bench()
    slow, slower = bench.breaker.guarding(), bench.breaker.guarding()
    slow.__enter__()
    slower.__enter__()
    bench.opened()
    slow.__exit__(None, None, None)
    assert bench.is_now(Circuit.OPEN)
    bench.now += 31
    bench.attempt()
    for _ in range(2):
        bench.attempt(FAILURE)
    assert not slower.__exit__(type(FAILURE), FAILURE, None)
    assert bench.is_now(Circuit.CLOSED)


def test_changes_are_told() -> None:
    """Each change is a warning and a count."""
    with capture_logs() as logs:
        bench = Bench().opened()
        bench.now += 31
        bench.attempt()
    assert ["open", "half_open", "closed"] == [event["state"] for event in logs]
    assert {"llm_circuit_changed"} == {event["event"] for event in logs}
    text = bench.metrics.exposition().decode()
    for state in ("open", "half_open", "closed"):
        assert f'llm_circuit_changes_total{{model="fake:one",state="{state}"}} 1.0' in text
