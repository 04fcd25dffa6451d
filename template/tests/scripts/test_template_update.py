"""`make template-update` refuses what it could not tell apart, and names what it left behind."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from scripts.template_update import Checkout, UpdateError, main

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A committed service that came from a template."""
    made = Checkout(tmp_path)
    answers = "# by Copier\n_commit: v0.1.0\n_src_path: 'https://example.org/t.git'\n"
    write(made, {".copier-answers.yml": answers, "kept.txt": "as it came\n", "ours.txt": "ours\n"})
    made.git("init", "--quiet")
    commit(made)
    return made


def write(checkout: Checkout, files: dict[str, str]) -> None:
    """Write files of a checkout."""
    for name, text in files.items():
        (checkout.root / name).write_text(text, encoding="utf-8")


def commit(checkout: Checkout) -> None:
    """Commit everything, with an identity of its own."""
    checkout.git("add", "--all")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    checkout.git(*identity, "commit", "--quiet", "--no-gpg-sign", "--message", "A commit")


def test_clean_checkout_is_ready(checkout: Checkout) -> None:
    """A committed checkout with answers may be updated."""
    checkout.refuse_unready()

    assert "v0.1.0" == checkout.answer("_commit")
    assert "https://example.org/t.git" == checkout.answer("_src_path")


def test_uncommitted_change_is_refused_by_its_name(checkout: Checkout) -> None:
    """An update on top of uncommitted work could not be told apart from it."""
    write(checkout, {"new.txt": "work in progress\n"})

    with pytest.raises(UpdateError, match=r"commit or stash .* new\.txt"):
        checkout.refuse_unready()


def test_folder_without_answers_is_refused(tmp_path: Path) -> None:
    """Without answers nothing says which template to update from."""
    with pytest.raises(UpdateError, match=r"no \.copier-answers\.yml"):
        Checkout(tmp_path).refuse_unready()


def test_folder_without_commits_is_refused(tmp_path: Path) -> None:
    """Before the first commit there is nothing to merge with."""
    checkout = Checkout(tmp_path)
    write(checkout, {".copier-answers.yml": "_commit: v0.1.0\n"})
    checkout.git("init", "--quiet")

    with pytest.raises(UpdateError, match="at least one commit"):
        checkout.refuse_unready()


def test_template_without_a_version_is_refused(checkout: Checkout) -> None:
    """A service that came from no release cannot be updated to another."""
    write(checkout, {".copier-answers.yml": "_src_path: ../template\n"})

    with pytest.raises(UpdateError, match="has no _commit"):
        checkout.answer("_commit")


def test_conflicts_are_named(checkout: Checkout) -> None:
    """A file with markers is named, whether it was there before or not, and so is a reject."""
    marked = "<<<<<<< before updating\nours\n=======\ntheirs\n>>>>>>> after updating\n"
    write(checkout, {"kept.txt": marked, "new.txt": marked, "a.rej": "hunk\n", "fine.txt": "<\n"})

    assert ["a.rej", "kept.txt", "new.txt"] == checkout.conflicts()


def test_unmerged_path_is_a_conflict(checkout: Checkout) -> None:
    """A path that git holds as unmerged is named even where its text has no marker."""
    checkout.git("checkout", "--quiet", "-b", "theirs")
    write(checkout, {"kept.txt": "theirs\n"})
    commit(checkout)
    checkout.git("checkout", "--quiet", "-")
    write(checkout, {"kept.txt": "ours\n"})
    commit(checkout)
    with pytest.raises(subprocess.CalledProcessError):
        checkout.git("merge", "theirs")
    write(checkout, {"kept.txt": "without a marker\n"})

    assert ["kept.txt"] == checkout.conflicts()


def test_removed_files_are_told_apart_by_who_wrote_them(checkout: Checkout, tmp_path: Path) -> None:
    """A removed file that differs from the template's own is the team's edit."""
    write(checkout, {"edited.txt": "the team's\n"})
    commit(checkout)
    pristine = tmp_path / ".git" / "pristine"
    pristine.mkdir()
    (pristine / "kept.txt").write_text("as it came\n", encoding="utf-8")
    (pristine / "edited.txt").write_text("the template's\n", encoding="utf-8")
    for name in ("kept.txt", "edited.txt"):
        (tmp_path / name).unlink()

    removed = checkout.removed()

    assert ["edited.txt", "kept.txt"] == removed
    assert ["edited.txt"] == checkout.edited(removed, pristine)


def test_refusal_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says in one line why it does not begin, and fails."""
    monkeypatch.setattr("scripts.template_update.ROOT", tmp_path)

    assert 1 == main([])
    assert 1 == capsys.readouterr().err.count("\n")
