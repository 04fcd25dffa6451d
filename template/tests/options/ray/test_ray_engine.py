"""Ingestion by Ray, started on this machine: it prepares what the service's own threads would."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.ingestion.preparation import Unchanged
from app.options.ray.engine import RayEngine
from app.wiring import open_services
from fixtures.command_line import DOCUMENTS, command, environment
from fixtures.effort import THOROUGH

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from app.config.settings import Settings
    from app.ingestion.discovery import SourceFile
    from fixtures.command_line import CommandLine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

_in_ci = pytest.mark.skipif(not THOROUGH, reason="takes half a minute; CI=1 runs it")

_PATIENCE_SECONDS = 200
_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Processes of Ray that prepare nothing, and look once a minute whether its daemon is there."""

_TABLES = ("documents", "chunks", "failures")
_TIMES = {"indexed_at", "failed_at", "first_failed_at"}


def _content(index: Path) -> dict[str, list[dict[str, object]]]:
    """Return the rows of an index, in their order, without times."""
    with closing(sqlite3.connect(index)) as connection:
        connection.row_factory = sqlite3.Row
        return {
            table: [
                {name: row[name] for name in row.keys() if name not in _TIMES}  # noqa: SIM118 - a Row
                for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608
            ]
            for table in _TABLES
        }


def _write(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        text = f"# Report {number}\n\nUnit {number} used {number} litres.\n\n" * 5
        (folder / f"{number:04}.md").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_index_is_the_same(
    cli: CommandLine, guard_patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Row by row, with ids, dead letters and what is skipped; a second run changes nothing."""
    folder = _write(tmp_path / "documents", 20)
    for path in DOCUMENTS.rglob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (folder / "empty.md").touch()
    results = {}
    for engine in ((), ("--engine", "ray")):
        guard_patch.setenv("APP_INDEX_PATH", str(tmp_path / f"{len(engine)}.sqlite"))
        result = cli("ingest", folder, *engine, "--json")
        assert 1 == result.code
        results[len(engine)] = {**result.document, "seconds": 0}
    assert results[0] == results[2]
    assert ["broken.pdf"] == [one["document"] for one in results[0]["failures"]]
    assert _content(tmp_path / "0.sqlite") == _content(tmp_path / "2.sqlite")
    (folder / "0000.md").unlink()
    again = cli("ingest", folder, "--engine", "ray", "--json").document
    expected = {"added": 0, "unchanged": results[0]["added"] - 1, "removed": 1, "failed": 1}
    assert expected == {name: again[name] for name in expected}


@_in_ci
@pytest.mark.slow
async def test_a_document_that_kills_its_workers(live_settings: Settings, tmp_path: Path) -> None:
    """It is tried four times, and becomes a dead letter that may pass; the others go on."""
    folder = _write(tmp_path / "documents", 8)

    def preparer(_values: Mapping[str, object]) -> object:
        """Open what kills the process at one document; Ray takes this function along."""
        import os  # noqa: PLC0415 - goes with the function
        import signal  # noqa: PLC0415 - goes with the function

        class Killer:
            async def prepare_file(self, file: SourceFile, *_: object) -> Unchanged:
                if file.document == "0003.md":
                    os.kill(os.getpid(), signal.SIGKILL)
                return Unchanged(file.source)

        @asynccontextmanager
        async def opened() -> AsyncIterator[object]:
            yield Killer()

        return opened()

    async with (
        open_services(live_settings) as services,
        RayEngine.open(live_settings, preparer) as engine,  # type: ignore[arg-type]  # a stand-in
    ):
        summary = await services.pipeline.ingest([folder], engine=engine)
        (failure,) = summary.failures
        assert "0003.md" == failure.document
        assert "died 4 times" in failure.reason
        assert "passing" == failure.kind
        assert (7, 1) == (summary.unchanged, summary.failed)
        assert {"0003.md"} == {*await services.index.failures()}


def _descendants(pid: int) -> dict[int, str]:
    """Return the processes below one, with what they call themselves."""
    found: dict[int, str] = {}
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text(encoding="ascii").split()):
                with suppress(OSError):
                    found[child] = Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8")
                    found |= _descendants(child)
    return found


def _alive(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def _wait_for(look: Callable[[], object]) -> None:
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def _written(index: Path) -> int:
    with suppress(sqlite3.Error), closing(sqlite3.connect(index)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM documents").fetchone()
        return int(count)
    return 0


@_in_ci
@pytest.mark.slow
def test_killed_workers_and_a_killed_command_lose_nothing(tmp_path: Path) -> None:
    """Every document ends in the index, once; a killed command leaves no process of Ray."""
    folder = _write(tmp_path / "documents", 400)
    index = tmp_path / "index.sqlite"

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(  # noqa: S603 - the service's own command
            command("ingest", folder, "--engine", "ray", "--json"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(APP_INDEX_PATH=str(index)),
        )

    first = start()
    _wait_for(lambda: _written(index) >= 20)
    below = _descendants(first.pid)
    first.kill()
    first.communicate()
    agents = {pid for pid, name in below.items() if name.startswith(_AGENTS)}
    _wait_for(lambda: not _alive(below.keys() - agents))
    before = _written(index)

    second = start()
    for _ in range(2):
        seen = _written(index)
        _wait_for(lambda seen=seen: _written(index) > seen)  # type: ignore[misc]  # bound at once
        for pid, name in _descendants(second.pid).items():
            if name.startswith("ray::prepare_in_worker"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    out, _ = second.communicate(timeout=_PATIENCE_SECONDS)
    summary = json.loads(out)
    assert 0 == second.returncode, summary
    assert {"added": 400 - before, "unchanged": before, "failed": 0} == {
        name: summary[name] for name in ("added", "unchanged", "failed")
    }
    content = _content(index)
    assert [f"{number:04}.md" for number in range(400)] == sorted(
        f"{row['path']}" for row in content["documents"]
    )
    assert [] == content["failures"]
    _wait_for(lambda: not _alive(agents))


def test_arguments_that_cannot_work(
    cli: CommandLine, guard_patch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An unknown engine, one for a source, and a cluster that is not there are told at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    guard_patch.setenv("APP_RAY_ADDRESS", f"127.0.0.1:{port}")
    absent = cli("ingest", tmp_path, "--engine", "ray")
    assert 2 == absent.code
    assert "APP_RAY_ADDRESS" in absent.err
    unknown = cli("ingest", tmp_path, "--engine", "spark")
    assert 2 == unknown.code
    assert "ray" in unknown.err
    source = cli("ingest", "--source", "wiki", "--engine", "ray")
    assert 2 == source.code
    assert "--engine" in source.err
