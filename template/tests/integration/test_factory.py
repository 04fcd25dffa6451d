"""The application under another server, by its factory: `uvicorn --factory`."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from fixtures.command_line import environment
from fixtures.effort import THOROUGH
from fixtures.serving import ready

if TYPE_CHECKING:
    from pathlib import Path

_OPTIONS = (
    *("--http", "h11"),
    *("--ws", "none"),
    *("--timeout-graceful-shutdown", "10"),
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_uvicorn_serves_it_in_several_processes(tmp_path: Path) -> None:
    """Each process uses the service's log format, answers, logs each request once, and stops.

    Without `CI=1` it is one process, which has no other above it and ends by the signal itself.
    """
    count = 2 if THOROUGH else 1
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(  # noqa: S603 - this interpreter
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "app.wiring:create_app"),
                *("--workers", str(count), "--fd", str(listener.fileno()), *_OPTIONS),
            ],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=[listener.fileno()],
            env=environment(APP_LOG_FORMAT="json"),
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            assert ready(url)
            request = urllib.request.Request(  # noqa: S310 - loopback
                f"{url}/v1/search", b'{"query": "x"}', {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
                assert [] == json.load(reply)["hits"]
        finally:
            process.send_signal(signal.SIGTERM)
            _, written = process.communicate(timeout=100)

    lines = [json.loads(line) for line in written.splitlines() if line.startswith("{")]
    of_search = [line for line in lines if "/v1/search" in json.dumps(line)]
    assert process.returncode == (0 if THOROUGH else -signal.SIGTERM)
    assert ["request_served"] == [line["event"] for line in of_search]
    assert count == sum(line["event"] == "Application shutdown complete." for line in lines)
