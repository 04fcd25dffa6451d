"""Trouble with folders, the index or its disk: a clear line, an exit code, nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.command_line import environment
from kit.fixtures.contents import contents

if TYPE_CHECKING:
    from fixtures.command_line import CommandLine


_TEXT = b"# Badges\n\nVisitors wear a yellow badge.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one sound document."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "sound.md").write_bytes(_TEXT)
    return folder


def indexed(folder: Path) -> dict[str, Any]:
    """Return the documents of the index beside the folder."""
    return contents(folder.parent / "var" / "index.sqlite")["documents"]


def test_a_full_disk_keeps_what_was_written(
    cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with its summary and the reason; with more space the next one continues."""
    for number in range(30):
        (folder / f"{number:02}.md").write_bytes(_TEXT + os.urandom(10_000).hex().encode())
    connect = sqlite3.connect

    def limited(*arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 150")
        return connection

    monkeypatch.setattr(sqlite3, "connect", limited)
    run = cli("ingest", folder, "--json")
    told = cli("ingest", folder)
    monkeypatch.setattr(sqlite3, "connect", connect)

    assert (1, 1) == (run.code, told.code)
    assert "look whether the disk is full" in run.document["stopped"]
    assert "Stopped: the index" in told.out
    assert 0 < run.document["added"] < 30
    assert run.document["added"] <= len(indexed(folder))
    assert 0 == cli("ingest", folder).code
    assert 31 == len(indexed(folder))


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit of file sizes")
def test_a_disk_that_refuses_to_grow_keeps_what_was_written(cli: CommandLine, folder: Path) -> None:
    """The same with a limit of the system, in a separate process."""
    for number in range(30):
        (folder / f"{number:02}.md").write_bytes(_TEXT + os.urandom(10_000).hex().encode())
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
        "from app.cli.commands import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(  # noqa: S603 - the service's own command
        [sys.executable, "-c", script, "ingest", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )

    assert 1 == done.returncode
    assert "Stopped: the index" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert 0 < len(indexed(folder)) < 31
    assert 0 == cli("ingest", folder).code
    assert 31 == len(indexed(folder))


@pytest.mark.parametrize("frozen", [False, True], ids=["file", "folder"])
def test_an_index_that_cannot_be_written_is_still_searched(
    cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, *, frozen: bool
) -> None:
    """The file or its folder is read-only; only an ingestion fails, with a clear message."""
    assert 0 == cli("ingest", folder).code
    connect = sqlite3.connect

    def read_only(address: str, *arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on
        if frozen and "immutable" not in address:
            raise _refusal()
        return connect(address.replace("mode=rwc", "mode=ro"), *arguments, **options)  # type: ignore[no-any-return]  # passed on

    monkeypatch.setattr(sqlite3, "connect", read_only)
    found = cli("search", "yellow badge", "--json")
    answered = cli("ask", "Which badge do visitors wear?", "--json")
    unchanged = cli("ingest", folder, "--json")
    (folder / "new.md").write_bytes(b"# New\n\ntext")
    refused = cli("ingest", folder)

    assert (0, "sound.md") == (found.code, found.document["hits"][0]["document"])
    assert frozen is ("index_read_only" in found.err)
    assert (0, True) == (answered.code, answered.document["found"])
    assert (0, 1) == (unchanged.code, unchanged.document["unchanged"])
    assert 1 == refused.code
    assert "cannot be opened and written; check the path and its permissions" in refused.out


def test_a_log_that_cannot_be_read_is_not_passed_over(
    cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a read-only folder SQLite would ignore the log's content, so the search fails."""
    assert 0 == cli("ingest", folder).code
    (folder.parent / "var" / "index.sqlite-wal").write_bytes(b"what was written last")
    connect = sqlite3.connect

    def frozen_only(address: str, *arguments: Any, **options: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on
        if "immutable" not in address:
            raise _refusal()
        return connect(address, *arguments, **options)  # type: ignore[no-any-return]  # passed on

    monkeypatch.setattr(sqlite3, "connect", frozen_only)
    run = cli("search", "yellow badge")

    assert (1, "") == (run.code, run.out)
    assert "cannot be opened and written; check the path and its permissions" in run.err


def _refusal() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
    return error


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_index_is_one_clear_line(cli: CommandLine, folder: Path, share: float) -> None:
    """There is no traceback, and the rest of the file is kept for repair."""
    for number in range(20):
        (folder / f"{number:02}.md").write_bytes(_TEXT * 20)
    assert 0 == cli("ingest", folder).code
    index = folder.parent / "var" / "index.sqlite"
    whole = index.read_bytes()
    index.write_bytes(whole[: int(share * len(whole))])

    for arguments in (("search", "badge"), ("ingest", folder), ("ingest", folder, "--rebuild")):
        run = cli(*arguments)
        assert run.code == 1
        assert "Traceback" not in run.err
        assert "is damaged or no index; move it away" in run.out + run.err
    index.unlink()
    assert 0 == cli("ingest", folder).code


def test_a_foreign_database_is_not_touched(cli: CommandLine, folder: Path) -> None:
    """A rebuild does not change it either."""
    index = folder.parent / "var" / "index.sqlite"
    index.parent.mkdir()
    with closing(sqlite3.connect(index)) as connection:
        connection.execute("CREATE TABLE precious (things TEXT)")
    before = index.read_bytes()

    for arguments in (("search", "x"), ("ingest", folder), ("ingest", folder, "--rebuild")):
        run = cli(*arguments)
        assert (1, True) == (run.code, "another program's database" in run.err)
    assert before == index.read_bytes()
    assert [index] == list(index.parent.iterdir())


def test_a_name_that_is_no_text_is_refused(cli: CommandLine, folder: Path) -> None:
    """It can be neither stored nor shown."""
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.md")).write_bytes(_TEXT)

    run = cli("ingest", folder)

    assert 1 == run.code
    assert "its name is not valid UTF-8; rename the file" in run.out
    assert {"sound.md"} == set(indexed(folder))


def test_what_is_no_file_is_passed_over(cli: CommandLine, folder: Path) -> None:
    """Pipes, sockets and links in circles or out of the folder: nothing hangs, nothing leaks."""
    os.mkfifo(folder / "pipe.md")
    (folder / "circle.md").symlink_to("circle.md")
    (folder / "up").symlink_to(folder)
    (folder.parent / "secret.md").write_bytes(b"the secret")
    (folder / "secret.md").symlink_to(folder.parent / "secret.md")
    (folder / "zero.md").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        # A path for a socket is short.
        listener.bind(os.path.relpath(folder / "socket.md"))

        run = cli("ingest", folder, "--json")

    assert (0, 1, 5) == (run.code, run.document["added"], run.document["skipped"])
    named = cli("ingest", folder / "pipe.md", "/dev/zero", "--json")
    assert 1 == named.code
    assert {"is neither a file nor a folder"} == {
        failure["reason"] for failure in named.document["failures"]
    }


def test_a_document_that_takes_too_long_is_given_up(
    cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three attempts it is parsed again only if it changes, or on request."""
    monkeypatch.setenv("APP_PARSE_TIMEOUT_SECONDS", "0.2")
    endless = folder / "endless.md"
    endless.write_bytes(b"---\n" * 1_250_000)
    runs = [cli("ingest", folder, "--json") for _ in range(4)]

    assert [1] * 4 == [run.code for run in runs]
    reasons = [run.document["failures"][0]["reason"] for run in runs]
    assert {"takes more than 0.2 s to parse (APP_PARSE_TIMEOUT_SECONDS)"} == set(reasons[:3])
    assert "given up after 3 attempts" in reasons[3]
    assert "python -m app failed retry" in reasons[3]
    assert 3 == cli("failed", "why", "endless.md", "--json").document["attempts"]

    assert "more than 0.2 s" in cli("failed", "retry", "endless.md").out
    assert 4 == cli("failed", "why", "endless.md", "--json").document["attempts"]
    endless.write_bytes(_TEXT)
    monkeypatch.delenv("APP_PARSE_TIMEOUT_SECONDS")
    assert 0 == cli("ingest", folder).code


def test_a_folder_that_vanishes_is_a_missing_path(cli: CommandLine, folder: Path) -> None:
    """Its documents stay, because their removal is not certain."""
    assert 0 == cli("ingest", folder).code
    shutil.rmtree(folder)

    assert 1 == cli("ingest", folder).code
    assert {"sound.md"} == set(indexed(folder))
