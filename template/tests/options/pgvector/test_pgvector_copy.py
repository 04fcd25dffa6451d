"""Moving between the embedded index and PostgreSQL, as a user does it, on a real server."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from app.wiring import open_services
from fixtures.command_line import DOCUMENTS, command, environment, run_process

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings

_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_HOLD = """
    INSERT INTO service_index.documents VALUES ('policies/leave.md', '', '', '', 0, '', '{}')
"""
_COPY = ("index", "copy", "--json", "--to")


@pytest.fixture
def variables(database_url: str, sample_index: Path, tmp_path: Path) -> dict[str, str]:
    """Return the settings for an index of `DOCUMENTS` and an empty database."""
    shutil.copy(sample_index, tmp_path / "index.sqlite")
    return {"APP_INDEX_PATH": "index.sqlite", "DATABASE_URL": database_url}


def test_an_index_moves_to_postgresql_and_back(cli: CommandLine, variables: dict[str, str]) -> None:
    """Both ways are free: nothing is embedded, and the next ingestion has nothing to do."""
    there = cli(*_COPY, "pgvector", **variables)
    assert 0 == there.code, there.out
    documents = there.document["documents"]
    assert documents == there.document["copied"] > 0
    moved = variables | {"APP_VECTOR_STORE": "pgvector"}
    again = cli("ingest", "--json", DOCUMENTS, **moved).document
    assert (documents, 0, 0) == (again["unchanged"], again["changed"], again["added"])

    refused = cli(*_COPY, "pgvector", **moved)
    assert (2, True) == (refused.code, "is the store in use" in refused.out)
    back = cli(*_COPY, "sqlite", **(moved | {"APP_INDEX_PATH": "back.sqlite"}))
    assert (0, documents) == (back.code, back.document["copied"])


def test_a_place_with_something_else_is_refused(
    cli: CommandLine, variables: dict[str, str], tmp_path: Path
) -> None:
    """Neither other documents nor an index of other settings are written over unasked."""
    other = tmp_path / "other"
    other.mkdir()
    other.joinpath("theirs.md").write_text("# Theirs")
    moved = variables | {"APP_VECTOR_STORE": "pgvector"}
    assert 0 == cli("ingest", other, **moved).code

    refused = cli(*_COPY, "pgvector", **variables)
    assert (1, True) == (refused.code, "theirs.md" in refused.out)
    replaced = cli(*_COPY, "pgvector", "--replace", **variables).document
    assert (1, True) == (replaced["removed"], replaced["complete"])

    larger = moved | {"APP_CHUNK_TOKENS": "512", "APP_INDEX_PATH": "larger.sqlite"}
    assert 0 == cli("ingest", DOCUMENTS, **(larger | {"APP_VECTOR_STORE": "sqlite"})).code
    mismatch = cli(*_COPY, "pgvector", **(larger | {"APP_VECTOR_STORE": "sqlite"}))
    assert (2, True) == (mismatch.code, "blocks-v" in mismatch.out)
    missing = cli(*_COPY, "pgvector", **(variables | {"DATABASE_URL": ""}))
    assert (2, True) == (missing.code, "DATABASE_URL: " in missing.out)


async def test_a_killed_copy_goes_on(
    variables: dict[str, str], make_settings: MakeSettings
) -> None:
    """The same command completes it, and nothing is there twice."""
    url, env = variables["DATABASE_URL"], environment(**variables)
    settings = make_settings(vector_store="pgvector", database_url=SecretStr(url))
    async with open_services(settings):
        pass  # makes the tables
    connect = partial(psycopg.AsyncConnection.connect, url, autocommit=True)
    async with await connect() as holder, await connect() as other:
        async with holder.transaction(force_rollback=True):
            await holder.execute(_HOLD)
            copying = subprocess.Popen(  # noqa: ASYNC220, S603 - the service's own command
                command(*_COPY, "pgvector"), env=env, stdout=subprocess.DEVNULL
            )
            while not await (await other.execute(_WAITING)).fetchall():
                assert copying.poll() is None
                await asyncio.sleep(0.05)
            copying.send_signal(signal.SIGKILL)
            assert -signal.SIGKILL == await asyncio.to_thread(copying.wait)

        done = await asyncio.to_thread(run_process, *_COPY, "pgvector", env=env)
        assert (0, True) == (done.code, done.document["complete"])
        documents = done.document["documents"]
        assert 0 < done.document["copied"] <= documents
        cursor = await other.execute(
            "SELECT count(DISTINCT path), count(*) FROM service_index.chunks"
        )
        assert [(documents, done.document["chunks"])] == await cursor.fetchall()
