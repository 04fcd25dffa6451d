"""The standards report each file of the kit that was edited without a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scripts.standards.kit import MANIFEST, REASONS, manifest, recorded_edits
from scripts.standards.project import Project

if TYPE_CHECKING:
    from pathlib import Path

WHY = "we need it so"


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


def problems(root: Path, reasons: str = "") -> list[str]:
    """Return the places and the last words of the findings with this file of reasons."""
    (root / REASONS).write_text(reasons, encoding="utf-8")
    return [
        f"{path}:{line} {fact.split()[-1]}" for path, line, fact in recorded_edits(Project(root))
    ]


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
    """An edited, deleted or added file is reported, unless there is a reason of several words."""
    changed = checkout / "src/gwkit" / path
    changed.unlink() if text is None else changed.write_text(text, encoding="utf-8")

    assert [f"src/gwkit/{path}:1 {fact}"] == problems(checkout)
    assert [] == problems(checkout, f'"src/gwkit/{path}" = "{WHY}"\n')
    assert [f"{REASONS}:2 words"] == problems(checkout, f'#\n"src/gwkit/{path}" = "why not"\n')


def test_reason_without_an_edit_is_found(checkout: Path) -> None:
    """A reason for an unmodified file is stale; a file that is not TOML has no reasons."""
    assert [f"{REASONS}:1 needed"] == problems(checkout, f'"src/gwkit/a.py" = "{WHY}"\n')
    assert [f"{REASONS}:1"] == [found.split()[0] for found in problems(checkout, "a = ")]
