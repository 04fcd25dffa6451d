"""A document with an unreadable part is indexed, and the missing part is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.files import make_pdf

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine

_REASON = "1 of 2 pages have no text (2)"


def test_pages_without_text_are_reported(cli: CommandLine, tmp_path: Path) -> None:
    """The run, the log, and later `failed why` report them."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "part\n.pdf").write_bytes(make_pdf(["Text.", ""]))
    (folder / "whole.pdf").write_bytes(make_pdf(["Text."]))
    told = cli("ingest", folder)
    again = cli("ingest", folder, "--json").document

    assert 0 == told.code
    assert f"partly  part\\n.pdf: {_REASON}" in told.out
    assert "whole.pdf" not in told.out
    assert "document_incomplete" in told.err
    assert (2, {}) == (again["unchanged"], again["incomplete"])

    why = cli("failed", "why", "part\n.pdf")
    assert 0 == why.code
    assert f"document  part\\n.pdf\nfolder    {folder}\nreason    {_REASON}" in why.out
    assert "incomplete" == cli("failed", "why", "part\n.pdf", "--json").document["kind"]
    assert 1 == cli("failed", "why", "whole.pdf").code


def test_the_run_says_so_as_json(cli: CommandLine, tmp_path: Path) -> None:
    """The JSON output has them, too."""
    (tmp_path / "part.pdf").write_bytes(make_pdf(["Text.", ""]))
    incomplete = cli("ingest", tmp_path / "part.pdf", "--json").document["incomplete"]

    assert _REASON in incomplete["part.pdf"]
