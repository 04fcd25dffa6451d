"""`serve --workers`: several real processes on one port."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from fixtures.serving import ready, serving
from gwkit.errors import ConfigError
from gwkit.http.workers import Peers, worker_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.command_line import CommandLine
    from fixtures.serving import Served

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

_PATIENCE_SECONDS = 200
_SEARCH = 'http_requests_total{method="POST",route="/v1/search",status="%d"}'


def _search(served: Served) -> int:
    """Search over a connection of its own, which any worker may take; return the status."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{served.url}/v1/search", b'{"query": "x"}', headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
            return int(reply.status)
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code


def _counted(served: Served, status: int) -> float:
    with urllib.request.urlopen(f"{served.url}/metrics", timeout=60) as reply:  # noqa: S310 - loopback
        lines = reply.read().decode().splitlines()
    found = [line for line in lines if line.startswith(_SEARCH % status)]
    return sum(float(line.rpartition(" ")[2]) for line in found)


def _workers(served: Served) -> set[int]:
    pid = served.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return {one for one in map(int, children) if b"spawn_main" in _command(one)}


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.05)


@pytest.mark.slow
def test_workers_count_together(tmp_path: Path) -> None:
    """The limit of a client is one for all workers, and each scrape has the sums of all."""
    started = time.monotonic()
    with (
        serving(tmp_path, "--workers", "2", APP_REQUESTS_PER_MINUTE="3") as served,
        ThreadPoolExecutor(8) as pool,
    ):
        assert 2 == len(_workers(served))
        statuses = [*pool.map(lambda _: _search(served), range(40))]
        earned = (time.monotonic() - started) / 20  # a slow machine may earn some of them back
        admitted = statuses.count(200)
        assert 3 <= admitted <= 3 + earned
        assert {200, 429} == {*statuses}
        _wait_until(lambda: admitted == _counted(served, 200))
        _wait_until(lambda: 40 - admitted == _counted(served, 429))
        for _ in range(10):
            assert admitted == _counted(served, 200)
            assert 40 - admitted == _counted(served, 429)
    assert 2 == sum(event["event"] == "service_ready" for event in served.events())


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    """What it counted is kept; SIGHUP replaces all; the last signal ends all of them well."""
    with serving(tmp_path, "--workers", "2") as served:
        assert [200] * 8 == [_search(served) for _ in range(8)]
        _wait_until(lambda: 8 == _counted(served, 200))  # a request is counted after its answer
        killed = min(_workers(served))
        os.kill(killed, signal.SIGKILL)
        _wait_until(lambda: len(_workers(served)) == 2 and killed not in _workers(served))
        assert ready(served.url)
        assert 8 == _counted(served, 200)
        before = _workers(served)
        served.process.send_signal(signal.SIGHUP)
        _wait_until(lambda: len(_workers(served)) == 2 and not before & _workers(served))
        assert 200 == _search(served)
        served.process.send_signal(signal.SIGTERM)
        assert 0 == served.process.wait(_PATIENCE_SECONDS)
    assert "stopped" == served.events()[-1]["event"]


@pytest.mark.slow
def test_what_is_in_flight_is_finished(tmp_path: Path) -> None:
    """A stop waits for the body of a request that has begun, and for its answer."""
    with serving(tmp_path, "--workers", "2", APP_SHUTDOWN_GRACE_SECONDS="100") as served:
        address = urlsplit(served.url)
        body = b'{"query": "x"}'
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            head = (
                "POST /v1/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Expect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert connection.recv(1_000).startswith(b"HTTP/1.1 100")  # the application waits
            served.process.send_signal(signal.SIGTERM)
            _wait_until(lambda: len(_workers(served)) == 1)  # the other one has ended
            connection.sendall(body)
            assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
        assert 0 == served.process.wait(_PATIENCE_SECONDS)


@pytest.mark.slow
def test_workers_do_not_outlive_the_supervisor(tmp_path: Path) -> None:
    """If that is killed, the workers stop, and nothing keeps the port."""
    with serving(tmp_path, "--workers", "2") as served:
        workers = _workers(served)
        served.process.kill()
        _wait_until(lambda: not any(map(_command, workers)))
        with pytest.raises(urllib.error.URLError):
            _search(served)


def test_a_log_file_is_refused(
    cli: CommandLine, guard_patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Workers would rotate it under each other; settings that cannot work are told at once."""
    guard_patch.setenv("APP_LOG_FILE", str(tmp_path / "log.jsonl"))
    result = cli("serve", "--workers", "2", "--port", "0", "--json")
    assert 2 == result.code
    assert "APP_LOG_FILE: several workers" in result.out


def test_the_index_is_opened_before_any_worker(cli: CommandLine, tmp_path: Path) -> None:
    """What cannot work is told by the command, not by workers that die one after another."""
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "index.sqlite").write_bytes(b"no database" * 1_000)
    result = cli("serve", "--workers", "2", "--port", "0", "--json")
    assert 1 == result.code
    assert "index.sqlite" in result.out
    assert "Started server process" not in result.err


def test_all_are_ready_or_none(tmp_path: Path) -> None:
    """At the start each waits for the others; one that replaces another does not."""
    peers = Peers(tmp_path, 2)
    (tmp_path / "1.warm").touch()
    assert not peers.are_warm
    peers.arrive()
    assert peers.are_warm
    assert Peers(tmp_path, 2).are_warm


def test_a_worker_that_cannot_start_is_not_tried_again(tmp_path: Path) -> None:
    """Its exit status tells the supervisor that the next one would fail as well."""

    def make(_folder: Path) -> object:
        raise ConfigError("APP_X: wrong")

    with pytest.raises(SystemExit) as caught:
        worker_app(make, tmp_path, 2)  # type: ignore[arg-type]  # never returns
    assert 3 == caught.value.code
