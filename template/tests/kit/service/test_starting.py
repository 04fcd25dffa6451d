"""Ctrl-C and used ports: start and stop of the process."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from fixtures.command_line import DOCUMENTS, environment, run_process
from fixtures.serving import ready

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine


_INTERRUPTED_IMPORT = """
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(0.1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
@pytest.mark.parametrize(
    ("ignored", "code", "told"), [(False, 130, ""), (True, 1, "AttributeError")]
)
def test_an_interruption_of_the_first_imports_is_quiet(
    tmp_path: Path, *, ignored: bool, code: int, told: str
) -> None:
    """Ctrl-C right after the start shows no traceback; if it is ignored, the start continues."""
    (tmp_path / "typer.py").write_text(_INTERRUPTED_IMPORT, encoding="utf-8")
    sources = environment()["PYTHONPATH"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        run = run_process("--help", env=environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{sources}"))
    finally:
        signal.signal(signal.SIGINT, before)

    assert (code, "") == (run.code, run.out)
    assert told in run.err
    assert bool(told) == bool(run.err)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_keyboard_interrupt_stops_the_service_as_well(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is not an error, and the address was on stdout."""
    monkeypatch.setenv("APP_SAMPLES_PATH", str(DOCUMENTS))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def interrupt() -> None:
        found.append(ready(f"http://127.0.0.1:{port}"))
        os.kill(os.getpid(), signal.SIGINT)

    found: list[bool] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    run = cli("serve", "--port", port, "--with-samples")
    thread.join()

    assert [True] == found
    assert (0, f"http://127.0.0.1:{port} (Ctrl-C stops it)\n") == (run.code, run.out)


def test_a_port_in_use_is_one_clear_line(cli: CommandLine) -> None:
    """The command exits with 2 and names the variables; nothing is opened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        run = cli("serve", "--port", port)

    assert (2, "") == (run.code, run.out)
    assert f"APP_PORT={port}" in run.err
    assert "Traceback" not in run.err
