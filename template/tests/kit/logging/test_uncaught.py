"""Uncaught errors (`gwkit.logging.uncaught`)."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field, SecretStr

from app.config.settings import Settings
from app.wiring import open_services
from fixtures.command_line import environment
from gwkit.logging.setup import configure_logging

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.configuration import MakeSettings

CANARY = "canary-4711/uncaught"


class SecretSettings(Settings):
    """Settings that hold a secret."""

    signing_key: SecretStr = Field(default=SecretStr(CANARY), description="Signs links.")


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    """Configure logging with a secret to mask; return a reader of the events."""
    configure_logging(SecretSettings(log_format="json"))

    def events() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    return events


def fail() -> None:
    """Raise an error with the secret in it."""
    raise ValueError(f"cannot sign with {CANARY}")


def check(event: dict[str, Any], where: str) -> None:
    """Check that an event has an uncaught error, and no secret."""
    assert ("uncaught_error", where) == (event["event"], event["where"])
    assert "Traceback" in event["exception"]
    assert "ValueError: cannot sign with **********" in event["exception"]
    assert CANARY not in json.dumps(event)


def test_an_error_that_ends_a_thread_is_logged(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    """It is logged once, with the thread's name; `SystemExit` is not an error."""
    for target in (fail, sys.exit):
        thread = threading.Thread(target=target, name="sweeper")
        thread.start()
        thread.join()

    (event,) = logged()
    check(event, "thread")
    assert ("error", "sweeper") == (event["level"], event["thread"])


def test_an_error_of_a_finalizer_is_logged(logged: Callable[[], list[dict[str, Any]]]) -> None:
    """Python itself can only ignore it."""

    class Careless:
        def __del__(self) -> None:
            fail()

    Careless()
    gc.collect()

    (event,) = logged()
    check(event, "finalizer")
    assert "__del__" in event["of"]


async def test_errors_of_tasks_and_callbacks_are_logged(
    make_settings: MakeSettings, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """Errors of tasks that nothing awaits, and of the loop's callbacks."""

    async def work() -> None:
        fail()

    async with open_services(make_settings()):
        logged()
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0.01)

    of_task, of_callback = (each for each in logged() if each["level"] == "error")
    for event in (of_task, of_callback):
        check(event, "event loop")
    assert "Task exception was never retrieved" == of_task["told"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="no task tells its context before 3.12")
async def test_a_task_s_error_has_the_id_of_its_request(
    make_settings: MakeSettings, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    """It is logged long after the request, when garbage is collected."""
    from structlog.contextvars import bound_contextvars  # noqa: PLC0415 - beside its only use

    async def work() -> None:
        fail()

    async with open_services(make_settings()):
        with bound_contextvars(request_id="request-1"):
            task = asyncio.create_task(work())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    (event,) = (each for each in logged() if each["level"] == "error")
    assert "request-1" == event["request_id"]


_PROCESS = """
import sys
from gwkit.logging.setup import configure_logging
from app.config.settings import Settings
configure_logging(Settings(api_keys={{"reader": "a-key-that-nobody-may-see"}}))
raise {error}("a-key-that-nobody-may-see")
"""


def ended(error: str) -> subprocess.CompletedProcess[str]:
    """Run a process that such an error ends."""
    return subprocess.run(  # noqa: S603 - this interpreter, our own text
        [sys.executable, "-c", _PROCESS.format(error=error)],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )


def test_an_error_that_ends_the_process_is_logged() -> None:
    """It is the last line, and the exit code is Python's."""
    done = ended("LookupError")

    event = json.loads(done.stderr)
    assert (1, "critical", "process") == (done.returncode, event["level"], event["where"])
    assert "LookupError: **********" in event["exception"]


def test_an_interruption_is_no_error() -> None:
    """Ctrl-C has its usual effect on Python and shells."""
    done = ended("KeyboardInterrupt")

    assert "uncaught_error" not in done.stderr
    assert "KeyboardInterrupt" in done.stderr
