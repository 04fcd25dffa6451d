"""Paid embeddings and spending are kept in a file, and stay there."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from gwkit.errors import LLMError
from gwkit.models.spending import Spent
from gwkit.resilience import paid
from gwkit.resilience.paid import PaidStore

if TYPE_CHECKING:
    from pathlib import Path


async def test_vectors_are_found_again(tmp_path: Path) -> None:
    """Another process finds them, too; an unknown key is omitted from the result."""
    path = tmp_path / "new" / "paid.sqlite"
    async with PaidStore(path) as store:
        await store.keep({b"one": b"\x01", b"two": b"\x02"})
    async with PaidStore(path) as store:
        assert {b"two": b"\x02"} == await store.find([b"two", b"three"])
        assert {} == await store.find([])


async def test_the_oldest_queries_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries are bounded, because callers write them; storing one again renews it."""
    monkeypatch.setattr(paid, "_MOST_QUERIES", 2)
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        for key in (b"one", b"two", b"one", b"three"):
            await store.keep_query(key, key)
        found = [await store.find_query(key) for key in (b"one", b"two", b"three")]
    assert [b"one", None, b"three"] == found


async def test_what_is_spent_adds_up(tmp_path: Path) -> None:
    """The usage is summed by day, over processes."""
    path = tmp_path / "paid.sqlite"
    async with PaidStore(path) as one, PaidStore(path) as two:
        assert Spent() == await one.spent("2030-01-01")
        await asyncio.wrap_future(one.spend("2030-01-01", Spent(10, 0.5)))
        assert Spent(15, 0.75) == await asyncio.wrap_future(two.spend("2030-01-01", Spent(5, 0.25)))
        await asyncio.wrap_future(two.spend("2030-01-02", Spent(1, 0.0)))
        assert Spent(15, 0.75) == await one.spent("2030-01-01")


async def test_what_is_spent_meanwhile_is_written_together(tmp_path: Path) -> None:
    """During a slow write, further usage is collected into one more write, by day."""
    statements: list[str] = []
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        await store._run(lambda: store._sqlite.set_trace_callback(statements.append))
        busy = threading.Event()
        store._thread.submit(busy.wait, 10)
        spent = [asyncio.wrap_future(store.spend("2030-01-01", Spent(1, 0.5))) for _ in range(50)]
        spent.append(asyncio.wrap_future(store.spend("2030-01-02", Spent(7))))
        busy.set()
        assert [Spent(50, 25.0)] * 50 + [Spent(7)] == await asyncio.gather(*spent)
        assert Spent(51, 25.5) == await asyncio.wrap_future(
            store.spend("2030-01-01", Spent(1, 0.5))
        )
    assert 3 == len([text for text in statements if text.startswith("INSERT INTO spending")])


async def test_writes_of_what_is_spent_have_a_pause_between_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is written at once; later ones wait, but every reading includes them."""
    monkeypatch.setattr(paid, "_PAUSE_SECONDS", 3_600.0)
    statements: list[str] = []
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        await store._run(lambda: store._sqlite.set_trace_callback(statements.append))
        await asyncio.wrap_future(store.spend("2030-01-01", Spent(1)))
        later = []
        for _ in range(20):
            later.append(store.spend("2030-01-01", Spent(1)))
            await store.find([])
        assert not any(result.done() for result in later)
        assert Spent(21) == await store.spent("2030-01-01")
        assert {Spent(21)} == {result.result() for result in later}
    assert 2 == len([text for text in statements if text.startswith("INSERT INTO spending")])


async def test_closing_writes_what_was_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting usage is written; later calls report that the store is closed."""
    monkeypatch.setattr(paid, "_PAUSE_SECONDS", 3_600.0)
    path = tmp_path / "paid.sqlite"
    async with PaidStore(path) as store:
        await asyncio.wrap_future(store.spend("2030-01-01", Spent(1)))
        waiting = store.spend("2030-01-01", Spent(2))
    assert Spent(3) == waiting.result()
    store._next_write = 0.0
    with pytest.raises(LLMError, match="closed"):
        await asyncio.wrap_future(store.spend("2030-01-01", Spent(4)))
    with pytest.raises(LLMError, match="closed"):
        PaidStore(path).spend("2030-01-01", Spent(5))
    async with PaidStore(path) as again:
        assert Spent(3) == await again.spent("2030-01-01")


async def test_spending_that_cannot_be_written_is_told_to_each(tmp_path: Path) -> None:
    """No caller waits forever, and the next write works."""
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        await store._run(lambda: store._sqlite.execute("ALTER TABLE spending RENAME TO gone"))
        results = [asyncio.wrap_future(store.spend("2030-01-01", Spent(1))) for _ in range(2)]
        failures = await asyncio.gather(*results, return_exceptions=True)
        assert [sqlite3.OperationalError] * 2 == [type(failure) for failure in failures]
        await store._run(lambda: store._sqlite.execute("ALTER TABLE gone RENAME TO spending"))
        assert Spent(1) == await asyncio.wrap_future(store.spend("2030-01-01", Spent(1)))


async def test_what_cannot_be_opened_says_so(tmp_path: Path) -> None:
    """The error names the file and its setting."""
    path = tmp_path / "paid.sqlite"
    path.write_text("no database, but some text that is long enough to be read as a header")
    with pytest.raises(LLMError, match="APP_PAID_PATH"):
        async with PaidStore(path):
            pytest.fail("it was opened")
    with pytest.raises(LLMError, match="paid"):
        async with PaidStore(path / "below"):
            pytest.fail("it was opened")


async def test_a_batch_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    """A failure in the middle leaves nothing partial, and the store still works."""
    async with PaidStore(tmp_path / "paid.sqlite") as store:
        with pytest.raises(LLMError):
            await store.keep({b"one": b"\x01", b"two": None})  # type: ignore[dict-item]  # as a fault
        await store.keep({b"three": b"\x03"})
        assert {b"three": b"\x03"} == await store.find([b"one", b"two", b"three"])


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """A closed store is not reopened silently."""
    store = PaidStore(tmp_path / "paid.sqlite")
    with pytest.raises(LLMError, match="closed"):
        await store.find([b"one"])


async def test_a_store_that_does_not_open_is_closed(tmp_path: Path) -> None:
    """The error names the file, and nothing stays open."""
    path = tmp_path / "paid.sqlite"
    await asyncio.to_thread(path.write_bytes, b"no database" * 100)
    store = PaidStore(path)
    with pytest.raises(LLMError, match="cannot be used"):
        await store.__aenter__()

    await asyncio.to_thread(store._thread.shutdown)
    assert store._connection is None


async def test_the_file_has_no_text(tmp_path: Path) -> None:
    """It has keys and vectors, days and sums, so nobody can read documents in it."""
    path = tmp_path / "paid.sqlite"
    async with PaidStore(path):
        pass
    with sqlite3.connect(path) as connection:
        columns = {
            (table, column[1], column[2])
            for (table,) in connection.execute("SELECT name FROM sqlite_schema WHERE type='table'")
            for column in connection.execute(f"PRAGMA table_info({table})")
        }
    connection.close()
    assert {
        ("embeddings", "key", "BLOB"),
        ("embeddings", "vector", "BLOB"),
        ("queries", "number", "INTEGER"),
        ("queries", "key", "BLOB"),
        ("queries", "vector", "BLOB"),
        ("spending", "day", "TEXT"),
        ("spending", "tokens", "INTEGER"),
        ("spending", "cost_usd", "REAL"),
    } == columns
