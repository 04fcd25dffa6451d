"""Daily limits, and a clear rejection above them."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gwkit.errors import BudgetExceededError
from gwkit.models.spending import Spent
from gwkit.resilience.budget import DailyBudget
from gwkit.resilience.paid import PaidStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Clock:
    """A clock that the test controls."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 22, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[PaidStore]:
    """Return an open store."""
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        yield store


@pytest.fixture
def clock() -> Clock:
    """Return a clock of the test's own."""
    return Clock()


async def test_the_ceiling_of_tokens(store: PaidStore, clock: Clock) -> None:
    """Below it nothing happens; at it, the error has the reset time."""
    budget = await DailyBudget(store, most_tokens=100, now=clock).load()
    budget.spend(99, 5.0)
    budget.check()
    budget.spend(1, None)
    with pytest.raises(BudgetExceededError, match="APP_DAILY_TOKENS") as caught:
        budget.check()
    assert timedelta(hours=1, minutes=30).total_seconds() == caught.value.retry_after


async def test_the_ceiling_of_cost(store: PaidStore, clock: Clock) -> None:
    """An unknown cost does not count here; its tokens do."""
    budget = await DailyBudget(store, most_cost_usd=1.0, now=clock).load()
    budget.spend(10**9, None)
    budget.check()
    budget.spend(10, 1.0)
    with pytest.raises(BudgetExceededError, match="APP_DAILY_COST_USD"):
        budget.check()
    assert Spent(10**9 + 10, 1.0) == budget.spent


async def test_a_day_begins_at_midnight(store: PaidStore, clock: Clock) -> None:
    """The day is in UTC, and begins with no usage."""
    budget = await DailyBudget(store, most_tokens=100, now=clock).load()
    budget.spend(100, None)
    clock.now += timedelta(hours=2)
    budget.check()
    assert Spent() == budget.spent
    budget.spend(1, None)
    assert Spent(1) == budget.spent


async def test_a_restart_forgets_nothing(tmp_path: Path, clock: Clock) -> None:
    """Spending is written before the store closes."""
    path = tmp_path / "paid.sqlite"
    async with PaidStore(path) as store:
        budget = await DailyBudget(store, most_tokens=100, now=clock).load()
        budget.spend(60, 0.25)
        budget.spend(40, 0.25)
    async with PaidStore(path) as store:
        budget = await DailyBudget(store, most_tokens=100, now=clock).load()
        assert Spent(100, 0.5) == budget.spent
        with pytest.raises(BudgetExceededError):
            budget.check()


async def test_processes_share_a_day(tmp_path: Path, clock: Clock) -> None:
    """Each reads the other's usage with its own next call."""
    path = tmp_path / "paid.sqlite"
    async with PaidStore(path) as store:
        one = await DailyBudget(store, most_tokens=100, now=clock).load()
        async with PaidStore(path) as other:
            two = await DailyBudget(other, most_tokens=100, now=clock).load()
            two.spend(90, None)
        one.spend(10, None)
        await store.spent("")  # the single thread has written by now
        with pytest.raises(BudgetExceededError):
            one.check()


async def test_what_is_free_is_not_written(store: PaidStore, clock: Clock) -> None:
    """A call that failed before it began has no usage."""
    budget = await DailyBudget(store, now=clock).load()
    budget.spend(0, None)
    budget.spend(0, 0.0)
    assert Spent() == budget.spent
    budget.check()


async def test_a_full_disk_does_not_lift_the_ceiling(clock: Clock) -> None:
    """Spending that cannot be written is logged and still counts here."""

    class Full(PaidStore):
        def __init__(self) -> None:
            """Have no file."""

        async def spent(self, day: str) -> Spent:
            """Return nothing."""
            return Spent()

        def spend(self, day: str, spent: Spent) -> Future[Spent]:
            """Fail."""
            result: Future[Spent] = Future()
            result.set_exception(OSError("disk full"))
            return result

    budget = await DailyBudget(Full(), most_tokens=100, now=clock).load()
    with capture_logs() as logs:
        budget.spend(100, None)
    assert ["spending_not_kept"] == [event["event"] for event in logs]
    with pytest.raises(BudgetExceededError):
        budget.check()


async def test_a_write_of_yesterday_does_not_count_today(clock: Clock) -> None:
    """A slow disk may return yesterday's usage after midnight."""
    result: Future[Spent] = Future()

    class Slow(PaidStore):
        def __init__(self) -> None:
            """Have no file."""

        async def spent(self, day: str) -> Spent:
            """Return nothing."""
            return Spent()

        def spend(self, day: str, spent: Spent) -> Future[Spent]:
            """Wait for the test."""
            return result

    budget = await DailyBudget(Slow(), most_tokens=100, now=clock).load()
    budget.spend(100, None)
    clock.now += timedelta(hours=2)
    budget.check()
    result.set_result(Spent(100))
    assert Spent() == budget.spent
