"""`scripts/release.py` makes one tag for each version, and refuses whatever would break updates."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest

from harness.commands import git
from harness.rendering import commit_all
from scripts import release

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = "## [{}] - 2026-12-01\n\n### What an update does\n\n- Nothing.\n\n"
HEAD = "# Changelog\n\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the release 1.0.0, and a remote."""
    root = tmp_path / "repository"
    root.mkdir()
    _set(root, "1.0.0")
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    git(root, "remote", "add", "origin", str(tmp_path / "remote"))
    git(root, "tag", "v1.0.0")
    git(root, "push", "--quiet", "--tags", "origin")
    return root


@pytest.fixture(autouse=True)
def drilled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drill that passes at once."""
    monkeypatch.setattr(release, "_DRILL", (sys.executable, "-c", ""))


def _set(root: Path, version: str) -> None:
    """Commit a version with its entry."""
    changelog = root / "CHANGELOG.md"
    old = changelog.read_text("utf-8").removeprefix(HEAD) if changelog.exists() else ""
    changelog.write_text(f"{HEAD}{ENTRY.format(version)}{old}", encoding="utf-8")
    (root / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n', encoding="utf-8")
    commit_all(root, f"Release {version}")


def _run(root: Path, *arguments: str) -> int:
    return release.main(["--root", str(root), *arguments])


def test_a_bump_becomes_one_tag(repository: Path, tmp_path: Path) -> None:
    """It is pushed, the notes are the entry, and a second run does nothing."""
    _set(repository, "1.1.0")
    notes = tmp_path / "notes.md"
    assert 0 == _run(repository, "--push", "--notes", str(notes))
    assert "### What an update does\n\n- Nothing.\n" == notes.read_text("utf-8")
    tagged = git(tmp_path / "remote", "rev-list", "-n1", "v1.1.0")
    assert git(repository, "rev-parse", "HEAD") == tagged
    assert 0 == _run(repository, "--push")
    assert "v1.0.0\nv1.1.0\n" == git(repository, "tag")


def test_a_commit_without_a_bump_releases_nothing(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most commits on main are such."""
    commit_all(repository, "Some work")
    assert 0 == _run(repository, "--check")
    assert "\n" == capsys.readouterr().out


def _second_tag(root: Path) -> None:
    _set(root, "1.1.0")
    git(root, "tag", "v1.0.9")


def _moved(root: Path) -> None:
    commit_all(root, "Some work")
    git(root, "tag", "--force", "v1.0.0")
    _set(root, "1.1.0")


def _out_of_order(root: Path) -> None:
    _set(root, "0.9.0")


def _without_an_entry(root: Path) -> None:
    (root / "pyproject.toml").write_text('[project]\nversion = "1.1.0"\n', encoding="utf-8")
    commit_all(root, "Release 1.1.0")


def _too_late(root: Path) -> None:
    _set(root, "1.1.0")
    commit_all(root, "Some work")


def _moving(root: Path) -> None:
    git(root, "tag", "latest")
    _set(root, "1.1.0")


def _both_at_once(root: Path) -> None:
    _set(root, "1.1.0")
    git(root, "tag", "v1.1.0")
    _set(root, "1.2.0")
    git(root, "tag", "--delete", "v1.1.0")
    git(root, "tag", "v1.1.0")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_second_tag, "v1.0.9 is at .*, but no commit set that version"),
        (_moved, "v1.0.0 is at .*, but .* set that version: the tag was moved"),
        (_out_of_order, "0.9.0 is out of order: there is v1.0.0 already"),
        (_without_an_entry, "pyproject.toml has 1.1.0, but CHANGELOG.md begins with 1.0.0"),
        (_too_late, "1.1.0 was set by an earlier commit than the last one"),
        (_moving, "latest is not the tag of a version"),
        (_both_at_once, "v1.1.0 is at .*, but .* set that version: the tag was moved"),
    ],
)
def test_what_would_break_updates_is_refused(
    spoil: object, reason: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No tag is made, and the message has the reason."""
    assert callable(spoil)
    spoil(repository)
    before = git(repository, "tag")
    assert 1 == _run(repository)
    assert re.search(reason, capsys.readouterr().err)
    assert before == git(repository, "tag")


def test_a_release_whose_drill_fails_is_refused(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Services would be updated to it."""
    _set(repository, "1.1.0")
    monkeypatch.setattr(release, "_DRILL", (sys.executable, "-c", "raise SystemExit(1)"))
    assert 1 == _run(repository)
    assert "the drill has not passed" in capsys.readouterr().err
    assert "v1.0.0\n" == git(repository, "tag")


def test_a_tag_that_the_remote_has_elsewhere_is_not_replaced(
    repository: Path, tmp_path: Path
) -> None:
    """A push never forces, and the local tag goes again."""
    _set(repository, "1.1.0")
    git(tmp_path / "remote", "tag", "v1.1.0", "v1.0.0")
    assert 1 == _run(repository, "--push")
    assert "v1.0.0\n" == git(repository, "tag")
    remote = tmp_path / "remote"
    assert git(remote, "rev-list", "-n1", "v1.0.0") == git(remote, "rev-list", "-n1", "v1.1.0")
