"""Bad files and failing disks: a clear line, an exit code, no loss."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.ingestion import discovery
from app.wiring import open_services
from fixtures.configuration import WholeSettings
from fixtures.hostile import docx_with, entity_bomb, pdf_loop, zip_bomb

if TYPE_CHECKING:
    from collections.abc import Callable

    from fixtures.command_line import CommandLine


_TEXT = b"# Badges\n\nVisitors wear a yellow badge.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one sound document."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "sound.md").write_bytes(_TEXT)
    return folder


def indexed(folder: Path) -> dict[str, int]:
    """Return the number of chunks of each document in the index beside the folder."""

    async def read() -> dict[str, int]:
        settings = WholeSettings(index_path=folder.parent / "var" / "index.sqlite")
        async with open_services(settings) as services:
            return {entry.document: entry.chunks for entry in await services.index.documents()}

    return asyncio.run(read())


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"", "is empty, and no PDF file"),
        ("a.pdf", pdf_loop(), "cyclic page references"),
        ("a.docx", zip_bomb(20), "that is refused"),
        ("a.docx", docx_with(entity_bomb()), "cannot be parsed"),
        ("a.txt", "text".encode("utf-16-le"), "holds NUL bytes"),
        ("a.html", b"<div>" * 5_000 + b"text", "Excessive depth"),
        ("a.md", b"x" * 20_001, "has 20,001 bytes and 20,000 are allowed (APP_MAX_DOCUMENT_BYTES)"),
    ],
)
def test_a_bad_file_is_named_and_the_sound_one_is_kept(
    cli: CommandLine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    name: str,
    data: bytes,
    reason: str,
) -> None:
    """The exit code is 1 with the reason, as text and JSON; the next run is the same."""
    if name == "a.md" and b"x" in data[:1]:
        monkeypatch.setenv("APP_MAX_DOCUMENT_BYTES", "20000")
    (folder / name).write_bytes(data)

    told, again = cli("ingest", folder), cli("ingest", folder, "--json")

    assert (1, 1) == (told.code, again.code)
    assert "1 added, 0 changed, 0 unchanged, 0 removed, 1 failed" in told.out
    (failure,) = again.document["failures"]
    assert (name, "permanent") == (failure["document"], failure["kind"])
    assert reason in failure["reason"]
    assert {"sound.md"} == set(indexed(folder))


@pytest.mark.parametrize(
    "data",
    [b"\xef\xbb\xbf" + _TEXT, _TEXT.decode().encode("utf-16"), _TEXT.replace(b"\n", b"\r\n")],
    ids=["byte order mark", "UTF-16", "CRLF"],
)
def test_text_in_other_guises_is_the_same(cli: CommandLine, folder: Path, data: bytes) -> None:
    """Byte order marks select the encoding, and are not part of the text."""
    (folder / "guise.md").write_bytes(data)

    assert 0 == cli("ingest", folder).code
    hits = cli("search", "yellow badge", "--json").document["hits"]
    assert ["guise.md", "sound.md"] == sorted(hit["document"] for hit in hits)
    assert hits[0]["text"] == hits[1]["text"]


def test_an_empty_text_is_a_document_without_chunks(cli: CommandLine, folder: Path) -> None:
    """It is a warning and not a failure: many folders have a page still to be written."""
    (folder / "empty.md").touch()

    run = cli("ingest", folder)

    assert 0 == run.code
    assert "document_empty" in run.err
    assert 0 == indexed(folder)["empty.md"]


def test_any_name_is_only_a_name(cli: CommandLine, folder: Path) -> None:
    """Spaces, quotes, line breaks and the longest names are kept."""
    names = ["a b.md", "it's.md", '"quoted".md', "two\nlines.md", "é" * 126 + ".md"]
    names += ["-r.md", "$(x);.md"]
    for name in names:
        (folder / name).write_bytes(_TEXT + name.encode())

    assert 0 == cli("ingest", folder).code
    assert {*names, "sound.md"} == set(indexed(folder))
    found = cli("search", "yellow badge", "--json", "-k", "10").document["hits"]
    assert {*names, "sound.md"} == {hit["document"] for hit in found}
    for name in names:
        (folder / name).write_bytes(b"\xff")
    failures = cli("ingest", folder, "--json").document["failures"]
    assert sorted(names) == sorted(failure["document"] for failure in failures)
    for name in names:
        assert 1 == cli("failed", "retry", "--", name).code
        assert 0 == cli("failed", "drop", "--", name).code


def _unlink(path: Path) -> None:
    path.unlink()


def _replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _forbid(path: Path) -> None:
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.parametrize(
    ("become", "reason", "kind"),
    [
        (_unlink, "cannot be read: No such file or directory", "passing"),
        (_forbid, "cannot be read: Permission denied", "passing"),
        (_replace_by_pipe, "is no regular file any more", "permanent"),
    ],
)
def test_a_file_may_become_anything_once_it_was_found(
    cli: CommandLine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    become: Callable[[Path], None],
    reason: str,
    kind: str,
) -> None:
    """It is opened without waiting, and the system's message is reported."""
    (folder / "a.md").write_bytes(_TEXT)
    opens = discovery._open_at_once

    def opener(path: str, flags: int) -> int:
        if Path(path).name == "a.md":
            become(Path(path))
        return opens(path, flags)

    monkeypatch.setattr(discovery, "_open_at_once", opener)
    run = cli("ingest", folder, "--json")

    assert (1, 1) == (run.code, run.document["added"])
    assert [(kind, reason)] == [
        (failure["kind"], failure["reason"]) for failure in run.document["failures"]
    ]


@pytest.mark.parametrize("growth", [b"", b"more"])
def test_a_file_that_changes_while_it_is_read_is_read_again_later(
    cli: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, growth: bytes
) -> None:
    """A mixture of two versions is not indexed."""
    path = folder / "a.md"
    path.write_bytes(_TEXT)
    fstat = os.fstat
    looks = 0

    def watched(descriptor: int) -> os.stat_result:
        nonlocal looks
        found = fstat(descriptor)
        if os.path.samestat(found, path.stat()):
            looks += 1
            if looks == 1:
                path.write_bytes(_TEXT[: len(_TEXT) // 2] + growth * 30)
        return found

    monkeypatch.setattr(os, "fstat", watched)
    run = cli("ingest", folder, "--json")
    monkeypatch.undo()

    assert ["changed while it was read"] == [
        failure["reason"] for failure in run.document["failures"]
    ]
    assert 0 == cli("ingest", folder).code
