"""Limits and budgets in a real PostgreSQL, kept by several processes together."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from app.exceptions import AppError
from app.options.pgvector.limits import PostgresCounts
from app.options.pgvector.settings import PgvectorSettings
from gwkit.http.shared_limits import SharedLimits
from gwkit.models.spending import Spent

_DAY = "2030-01-31"


def _settings(url: str) -> PgvectorSettings:
    return PgvectorSettings(DATABASE_URL=SecretStr(url), pgvector_timeout_seconds=20)


async def test_the_limit_is_exact(database_url: str) -> None:
    """Of many requests at once over two pools, exactly the allowance is admitted."""
    settings = _settings(database_url)
    async with PostgresCounts.open(settings) as one, PostgresCounts.open(settings) as two:
        jobs = [each.count("a", 2) for _ in range(20) for each in (one, two)]
        waits = await asyncio.gather(*jobs)
        assert 2 == waits.count(0.0)
        assert all(0 < wait <= 30 for wait in waits if wait)
        assert 0.0 == await one.count("b", 2)


async def test_an_allowance_comes_back(database_url: str) -> None:
    """A client whose time has passed begins anew, and leaves the table."""
    async with PostgresCounts.open(_settings(database_url)) as counts:
        assert 0.0 == await counts.count("a", 1)
        assert 0.0 < await counts.count("a", 1)
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as database:
            await database.execute("UPDATE service_index_limits.clients SET whole_again = 1")
            assert 0.0 == await counts.count("a", 1)
            await database.execute("UPDATE service_index_limits.clients SET whole_again = 1")
            async with PostgresCounts.open(_settings(database_url)) as other:
                await other.count("b", 1)
            found = await database.execute("SELECT client FROM service_index_limits.clients")
            assert [("b",)] == await found.fetchall()


async def test_spending_adds_up(database_url: str) -> None:
    """Each process reads what all have spent, its own unfinished writes among them."""
    settings = _settings(database_url)
    async with PostgresCounts.open(settings) as one, PostgresCounts.open(settings) as two:
        assert Spent() == await one.spent(_DAY)
        for each in (one, two) * 10:
            each.spend(_DAY, Spent(5, 0.25))
        assert Spent(50, 2.5).tokens <= (await one.spent(_DAY)).tokens
        await two.spent(_DAY)
        assert Spent(100, 5.0) == await one.spent(_DAY)
        assert Spent() == await one.spent("2030-02-01")
        two.spend(_DAY, Spent(1))
    async with PostgresCounts.open(settings) as later:  # what was begun is written at the end
        assert Spent(101, 5.0) == await later.spent(_DAY)


async def test_a_lost_database_leaves_a_limit(database_url: str) -> None:
    """The process counts for itself; the budget's errors are those of the service."""
    async with PostgresCounts.open(_settings(database_url)) as counts:
        limits = SharedLimits(counts, 1)
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as database:
            await database.execute("DROP SCHEMA service_index_limits CASCADE")
        with capture_logs() as logs:
            assert 0.0 == await limits.wait("a")
            assert 0.0 < await limits.wait("a")
        assert ["shared_limits_lost"] == [event["event"] for event in logs]
        with pytest.raises(AppError, match="limits in PostgreSQL"):
            await counts.spent(_DAY)
