"""Documents that could not be ingested: list, explain, retry, drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine


_SOUND = "# Badges\n\nVisitors wear a yellow badge."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a sound document and two that fail, in order of their ids."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.md").write_bytes(b"\xff")
    (folder / "b.md").write_text(_SOUND)
    (folder / "c.pdf").write_bytes(b"no PDF")
    return folder


@pytest.fixture
def failing(cli: CommandLine, folder: Path) -> CommandLine:
    """Return a runner of commands whose index has two failures."""
    assert 1 == cli("ingest", folder).code
    return cli


def test_the_list_names_every_failure(failing: CommandLine, folder: Path) -> None:
    """The list is available as text and JSON, with exit code 0."""
    told, listed = failing("failed", "list"), failing("failed", "list", "--json")

    assert (0, 0) == (told.code, listed.code)
    assert "a.md  permanent, 1 attempt\n  is not valid UTF-8" in told.out
    assert ["a.md", "c.pdf"] == [one["document"] for one in listed.document["failures"]]
    first = listed.document["failures"][0]
    assert {"kind": "permanent", "attempts": 1, "source": str(folder)}.items() <= first.items()
    assert first["first_failed_at"] == first["failed_at"]


def test_an_empty_list_is_said(cli: CommandLine) -> None:
    """The command reports that there are none."""
    assert (0, "No document has failed.\n") == cli("failed", "list")[:2]
    assert {"failures": []} == cli("failed", "list", "--json").document


def test_why_tells_all_of_one(failing: CommandLine, folder: Path) -> None:
    """Also after another attempt, which is counted."""
    failing("ingest", folder)
    told = failing("failed", "why", "c.pdf")

    assert 0 == told.code
    for line in (
        "document  c.pdf",
        f"folder    {folder}",
        "reason    is not a PDF file; check the file's type",
        "kind      permanent",
        "attempts  2",
    ):
        assert line in told.out
    assert 2 == failing("failed", "why", "c.pdf", "--json").document["attempts"]


def test_what_has_not_failed_is_an_error(failing: CommandLine) -> None:
    """A mistyped id does not count as done."""
    for name in ("why", "retry", "drop"):
        run = failing("failed", name, "b.md")
        assert (1, "") == (run.code, run.out)
        assert "b.md: has not failed; `python -m app failed list`" in run.err


def test_a_choice_is_needed(failing: CommandLine) -> None:
    """Without an id or `--all`, nothing happens."""
    for arguments in (("retry",), ("drop",), ("drop", "a.md", "--all"), ()):
        assert 2 == failing("failed", *arguments).code
    assert 2 == len(failing("failed", "list", "--json").document["failures"])


def test_a_retry_finds_the_file_by_itself(failing: CommandLine, folder: Path) -> None:
    """A repaired file is ingested, with its id and folder; otherwise the attempt is counted."""
    assert 1 == failing("failed", "retry", "a.md").code
    (folder / "a.md").write_text("# Mended\n\nNow it is text.")
    (folder / "d.md").write_text("new")

    mended = failing("failed", "retry", "a.md", "--json")

    assert (0, 1) == (mended.code, mended.document["added"])
    assert ["c.pdf"] == [
        one["document"] for one in failing("failed", "list", "--json").document["failures"]
    ]
    run = failing("ingest", folder, "--json").document
    assert (1, 2, 1) == (run["added"], run["unchanged"], run["failed"])


def test_everything_can_be_tried_again(failing: CommandLine, folder: Path) -> None:
    """The counts are those of an ingestion; a missing file is reported."""
    (folder / "a.md").unlink()
    run = failing("failed", "retry", "--all", "--json")

    assert (1, 2, 0) == (run.code, run.document["failed"], run.document["removed"])
    reasons = {one["document"]: one["reason"] for one in run.document["failures"]}
    assert "is no longer at" in reasons["a.md"]
    assert "`python -m app failed drop` forgets it" in reasons["a.md"]
    assert failing("search", "badge", "--json").document["hits"]
    assert 1 == failing("ingest", folder).code
    assert ["c.pdf"] == [
        one["document"] for one in failing("failed", "list", "--json").document["failures"]
    ]
    (folder / "c.pdf").unlink()
    (folder / "c.pdf").symlink_to(__file__)
    assert "has become a link out of its folder" in failing("failed", "retry", "--all").out


def test_nothing_to_try_is_no_failure(cli: CommandLine) -> None:
    """The exit code is 0, so scripts can always call it."""
    assert (0, 0) == (cli("failed", "retry", "--all").code, cli("failed", "drop", "--all").code)


def test_dropping_forgets_the_failure_alone(failing: CommandLine, folder: Path) -> None:
    """An older version of the document stays; the file fails again the next time."""
    (folder / "b.md").write_bytes(b"\xff")
    failing("ingest", folder)
    dropped = failing("failed", "drop", "b.md", "a.md", "--json")

    assert (0, ["b.md", "a.md"]) == (dropped.code, dropped.document["dropped"])
    assert "b.md" == failing("search", "badge", "--json").document["hits"][0]["document"]
    assert "1 dropped" in failing("failed", "drop", "--all").out
    failing("ingest", folder)
    assert 1 == failing("failed", "why", "b.md", "--json").document["attempts"]


def test_names_and_reasons_cannot_steer_a_terminal(failing: CommandLine, folder: Path) -> None:
    """Each name stays on one line, for any content."""
    (folder / "x\x1b[2J\nb.md  permanent.md").write_bytes(b"\xff")
    failing("ingest", folder)

    told = failing("failed", "list").out
    assert "x\\x1b[2J\\nb.md  permanent.md  permanent, 1 attempt" in told
    assert "\x1b" not in told
