"""The standards report each file of the kit that was edited without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.exceptions import uncovered
from scripts.standards.kit import FORMER, MANIFEST, manifest, recorded_edits
from scripts.standards.project import Project
from scripts.standards.rule import ProjectRule

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = '[[exception]]\ncode = "STR5"\npath = "{}"\nreason = "We need it to be so here."\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A service with an unmodified kit, except for a folder that its answers exclude."""
    for name in ("a.py", "b/c.py", "b/d.txt", "absent/e.py"):
        (tmp_path / "src/gwkit" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src/gwkit" / name).write_bytes(f"{name}\n".encode())
    (tmp_path / MANIFEST).write_text(manifest(tmp_path), encoding="utf-8")
    (tmp_path / "src/gwkit/absent/e.py").unlink()
    (tmp_path / "src/gwkit/absent").rmdir()
    return tmp_path


def problems(root: Path, entries: str = "") -> list[str]:
    """Return the places and the last words of the findings with these exceptions."""
    (root / "exceptions.toml").write_text(entries, encoding="utf-8")
    project = Project(root)
    found = uncovered(ProjectRule("STR5", recorded_edits).violations(project), project)
    return [f"{f.path}:{f.line} {f.message.partition('.')[0].split()[-1]}" for f in found]


def test_kit_as_released_has_no_finding(checkout: Path) -> None:
    """Line endings, and files of Python and editors, do not count as edits."""
    (checkout / "src/gwkit/a.py").write_bytes(b"a.py\r\n")
    (checkout / "src/gwkit/__pycache__").mkdir()
    (checkout / "src/gwkit/__pycache__/a.pyc").touch()
    (checkout / "src/gwkit/.DS_Store").touch()

    assert [] == problems(checkout)


@pytest.mark.parametrize(
    ("path", "text", "fact"),
    [("a.py", "ours\n", "edited"), ("b/d.txt", None, "deleted"), ("b/new.py", "", "kit")],
)
def test_change_needs_a_reason(path: str, text: str | None, fact: str, checkout: Path) -> None:
    """An edited, deleted or added file is reported, unless an entry has its path and a reason."""
    changed = checkout / "src/gwkit" / path
    changed.unlink() if text is None else changed.write_text(text, encoding="utf-8")

    assert [f"src/gwkit/{path}:1 {fact}"] == problems(checkout)
    assert [] == problems(checkout, ENTRY.format(f"src/gwkit/{path}"))


def test_entry_without_an_edit_is_found(checkout: Path) -> None:
    """A reason for an unmodified file is stale."""
    assert ["exceptions.toml:1 entry"] == problems(checkout, ENTRY.format("src/gwkit/a.py"))


def test_reasons_in_the_former_file_are_to_be_moved(checkout: Path) -> None:
    """Services of 0.3.0 gave them in a file of their own; one with comments only needs nothing."""
    (checkout / FORMER).write_text("# ours\n", encoding="utf-8")
    assert [] == problems(checkout)
    (checkout / FORMER).write_text('# ours\n"src/gwkit/a.py" = "we need it so"\n', encoding="utf-8")
    assert [f"{FORMER}:2 it"] == problems(checkout)
