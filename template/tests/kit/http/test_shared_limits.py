"""Rate limits that several processes keep together."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gwkit.errors import AppError
from gwkit.http.limits import RateLimiter
from gwkit.http.shared_limits import SharedLimits, SqliteCounts

if TYPE_CHECKING:
    from pathlib import Path


class _Clock:
    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("per_minute", [1, 2, 7, 60, 600])
async def test_the_file_admits_what_one_process_would(tmp_path: Path, per_minute: int) -> None:
    """Two connections together admit exactly what a limiter in memory does, and say as long."""
    clock = _Clock()
    one = RateLimiter(per_minute, clock=clock)
    with ExitStack() as stack:
        path = tmp_path / "limits.sqlite"
        both = [stack.enter_context(SqliteCounts(path, clock)) for _ in range(2)]
        for step in range(4 * per_minute):
            clock.now += 60 / per_minute if step % 5 == 0 else 0.25
            for client in ("a", "b") if step % 3 else ("a",):
                expected = one.wait(client)
                found = await both[step % 2].count(client, per_minute)
                assert (expected > 0) == (found > 0)
                assert abs(expected - found) < 0.002


async def test_a_clock_that_began_anew_locks_nobody_out(tmp_path: Path) -> None:
    """The file of an earlier start of the machine has later times: a minute is the longest wait."""
    clock = _Clock(1e9)
    with SqliteCounts(tmp_path / "limits.sqlite", clock) as counts:
        assert [0.0] * 3 == [await counts.count("a", 3) for _ in range(3)]
        clock.now = 5.0
        assert 0 < await counts.count("a", 3) <= 20
        clock.now += 20.1
        assert await counts.count("a", 3) > 0  # its times do not grow old while it is refused
        assert await counts.count("b", 3) == 0


async def test_clients_are_forgotten(tmp_path: Path) -> None:
    """The file does not grow with everybody who ever called."""
    clock, path = _Clock(), tmp_path / "limits.sqlite"
    with SqliteCounts(path, clock) as counts:
        for client in range(100):
            await counts.count(f"{client}", 60)
        clock.now += 100
        await counts.count("last", 60)
    with closing(sqlite3.connect(path)) as connection:
        assert [("last",)] == connection.execute("SELECT client FROM clients").fetchall()


def test_a_path_that_cannot_be_a_file(tmp_path: Path) -> None:
    """The error names the setting."""
    with pytest.raises(AppError, match="APP_LIMITS_PATH"):
        SqliteCounts(tmp_path)


async def test_a_lost_store_leaves_a_limit() -> None:
    """The process counts for itself, says so once, and asks again after a while."""
    clock = _Clock()

    class Store:
        asked = 0
        is_away = True

        async def count(self, client: str, per_minute: int) -> float:
            """Fail while it is away; admit nobody else."""
            _ = client, per_minute
            self.asked += 1
            if self.is_away:
                raise AppError("away")
            return 7.0

    store = Store()
    limits = SharedLimits(store, 2, clock)
    with capture_logs() as logs:
        waits = [await limits.wait("a") for _ in range(3)]
        assert [0.0, 0.0] == waits[:2]
        assert waits[2] > 0
        assert 1 == store.asked
        clock.now += 6
        store.is_away = False
        assert 7.0 == await limits.wait("a") == await limits.wait("a")
    assert ["shared_limits_lost", "shared_limits_found"] == [event["event"] for event in logs]
