"""The guards of `fixtures/guards.py` and `conftest.py` work."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from blockbuster import BlockingError
from pytest_socket import SocketConnectBlockedError

import app
from fixtures.configuration import WholeSettings
from fixtures.guards import _no_outer_configuration
from gwkit.logging import setup as app_logging

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fixtures.configuration import MakeSettings

SOURCES = Path(app.__file__).parent


def planted(code: str, **names: object) -> Callable[[], Awaitable[None]]:
    """Return an async function with this line, as if a module of `app` defined it."""
    source = f"async def function():\n    {code}"
    exec(compile(source, str(SOURCES / "planted.py"), "exec"), names)  # noqa: S102 - our own text
    function: Callable[[], Awaitable[None]] = names["function"]  # type: ignore[assignment]  # made above
    return function


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("198.51.100.1", 443)])
def test_a_connection_to_another_machine_fails(address: tuple[str, int]) -> None:
    """Only loopback is open; the plugin warns as well, and a warning is an error."""
    with (
        socket.socket() as connection,
        pytest.raises((SocketConnectBlockedError, UserWarning), match=re.escape(address[0])),
    ):
        connection.connect(address)


async def test_an_async_connection_to_another_machine_fails() -> None:
    """The event loop connects through the same sockets."""
    with pytest.raises((SocketConnectBlockedError, UserWarning)):
        await asyncio.open_connection("192.0.2.1", 80)


def test_looking_up_another_machine_fails() -> None:
    """A name is rejected before it reaches the resolver."""
    with pytest.raises(pytest.fail.Exception, match="service"):
        socket.create_connection(("service.invalid", 80))


async def test_loopback_is_open() -> None:
    """A test can connect to its own server."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert b"" == await reader.read()
        writer.close()


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(0.001)",
        "path.read_text()",
        "path.write_text('x')",
        "path.exists()",
        "database.execute('select 1')",
        "server.accept()",
    ],
)
async def test_a_blocked_event_loop_fails(code: str, tmp_path: Path) -> None:
    """Sleeping, files, databases and sockets fail in an async function of the service."""
    path = tmp_path / "file"
    await asyncio.to_thread(path.write_text, "x")
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        closing(sqlite3.connect(":memory:")) as database,
    ):
        function = planted(code, server=server, database=database, time=time, path=path)
        with pytest.raises(BlockingError):
            await function()


async def test_the_same_in_a_thread_is_allowed() -> None:
    """Blocking work belongs there."""
    await planted("await asyncio.to_thread(time.sleep, 0.001)", asyncio=asyncio, time=time)()


async def test_logging_may_block(tmp_path: Path) -> None:
    """The operator chooses the log's destination, also a file."""
    handler = logging.FileHandler(tmp_path / "log", encoding="utf-8")
    logging.getLogger().addHandler(handler)

    await planted("log.warning('noted')", log=logging.getLogger("planted"))()

    assert "noted" in (tmp_path / "log").read_text()


def test_no_setting_comes_from_outside(make_settings: MakeSettings, tmp_path: Path) -> None:
    """Variables, `.env` and the index of the developer do not affect a test."""
    assert not [name for name in os.environ if name.startswith("APP_")]
    assert tmp_path == Path.cwd()
    assert WholeSettings(index_path=tmp_path / "index.sqlite") == make_settings()


def test_who_asks_for_no_folder_has_an_empty_one(request: pytest.FixtureRequest) -> None:
    """It is shared: a test that writes there fails, and the next does not see the file."""
    assert [] == list(Path.cwd().iterdir())
    assert "tmp_path" not in request.fixturenames
    guard = _no_outer_configuration.__wrapped__(  # type: ignore[attr-defined]  # as pytest calls it
        request, request.getfixturevalue("tmp_path_factory"), folder := Path.cwd()
    )
    next(guard)
    Path("left").touch()

    with pytest.raises(pytest.fail.Exception, match=r"has to ask for tmp_path: .*left"):
        next(guard)
    assert [] == list(folder.iterdir())


def test_a_test_undoes_its_own_patches_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The guards stay: names, folder and logging are as before the test's first patch."""
    monkeypatch.setenv("APP_PORT", "1")
    monkeypatch.undo()

    assert "APP_PORT" not in os.environ
    assert tmp_path == Path.cwd()
    assert not app_logging._KEEP_LOGGERS
    with pytest.raises(pytest.fail.Exception, match="service"):
        socket.getaddrinfo("service.invalid", 80)


@pytest.mark.parametrize("turn", [1, 2])
def test_what_a_test_does_to_logging_is_undone(turn: int) -> None:
    """The second run finds nothing of the first."""
    root = logging.getLogger()
    assert "planted" not in [handler.name for handler in root.handlers]
    assert {} == structlog.contextvars.get_contextvars()

    handler = logging.NullHandler()
    handler.name = "planted"
    root.addHandler(handler)
    structlog.contextvars.bind_contextvars(turn=turn)
