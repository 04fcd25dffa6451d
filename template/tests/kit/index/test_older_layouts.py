"""An index of an older layout keeps what it holds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from app.wiring import open_services
from fixtures.configuration import WholeSettings

if TYPE_CHECKING:
    from pathlib import Path


_SOUND = "# Badges\n\nVisitors wear a yellow badge."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a sound document and two that fail, in order of their ids."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_bytes(b"\xff")
    (folder / "b.md").write_text(_SOUND)
    (folder / "c.pdf").write_bytes(b"no PDF")
    return folder


async def test_an_index_of_the_layout_before_is_brought_up_to_date(
    folder: Path, tmp_path: Path
) -> None:
    """What it holds stays: its documents, and its failures with what was known of them."""
    settings = WholeSettings(index_path=tmp_path / "index.sqlite")
    async with open_services(settings) as services:
        await services.pipeline.ingest([folder])
    with closing(sqlite3.connect(settings.index_path)) as connection, connection:
        for column in ("kind", "first_failed_at", "content_hash"):
            connection.execute(f"ALTER TABLE failures DROP COLUMN {column}")
        connection.execute("UPDATE failures SET failed_at = '2026-01-01T00:00:00+00:00'")
        connection.execute("PRAGMA user_version = 1")

    async with open_services(settings) as services:
        failures = await services.index.failures()
        assert ["b.md"] == list(await services.index.ledger())
        assert ["a.md", "c.pdf"] == list(failures)
        assert {"2026-01-01T00:00:00+00:00"} == {one.first_failed_at for one in failures.values()}
        summary = await services.pipeline.retry(["a.md"])
        again = (await services.index.failures())["a.md"]
        assert (1, 2) == (summary.failed, again.attempts)
        assert again.first_failed_at < again.failed_at
