"""An update on a branch, for a pull request, leaves the checkout as it is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from kit.fixtures.trial import BASE, LINES, THEIRS, contents, made, write
from scripts.template_update import UpdateError
from scripts.updating.branches import propose
from scripts.updating.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from kit.fixtures.trial import Trial

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

BRANCH = "template-update"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The page of a report."""
    page = tmp_path / "report.md"
    page.write_text("# Update from v1.0.0\n\n- new.txt\n", encoding="utf-8")
    return page


def test_the_result_is_one_commit_on_the_branch(trial: Trial, report: Path) -> None:
    """Its message is the report; files, index and branch of the checkout stay as they are."""
    before, merged = trial.files(), trial.merge()
    git = Repository(trial.service).git

    said = propose(trial.service, merged, BRANCH, report)

    assert said.startswith("Update the template to v1.1.0: committed to the branch")
    assert before == trial.files()
    assert "" == git("status", "--porcelain")
    assert git("rev-parse", "HEAD") == git("rev-parse", f"{BRANCH}^")
    assert merged.result == Repository(trial.service).entries(BRANCH)
    message = git("log", "-1", "--format=%B", BRANCH)
    assert (
        f"Update the template to v1.1.0\n\n{report.read_text('utf-8')}" == message.rstrip() + "\n"
    )


def test_conflicts_are_in_the_title_and_in_the_files(trial: Trial, report: Path) -> None:
    """A reviewer sees both versions, and checks of the branch fail."""
    trial.edit({"apart.txt": LINES.replace("line 5\n", "line 5, ours\n")})

    propose(trial.service, trial.merge(), BRANCH, report)

    git = Repository(trial.service).git
    title = "Update the template to v1.1.0, with conflicts in 1 files\n"
    assert title == git("log", "-1", "--format=%s", BRANCH)
    assert "<<<<<<< HEAD\nline 5, ours\n" in git("show", f"{BRANCH}:apart.txt")


def test_a_proposal_is_replaced_once_it_is_outdated(trial: Trial, report: Path) -> None:
    """The same one keeps its commit, so that its checks do not run again."""
    git = Repository(trial.service).git
    propose(trial.service, trial.merge(), BRANCH, report)
    first = git("rev-parse", BRANCH)
    propose(trial.service, trial.merge(), BRANCH, report)
    assert first == git("rev-parse", BRANCH)

    trial.edit({"ours.txt": "ours\n"})
    propose(trial.service, trial.merge(), BRANCH, report)

    assert git("rev-parse", "HEAD") == git("rev-parse", f"{BRANCH}^")
    assert "ours\n" == git("show", f"{BRANCH}:ours.txt")


@pytest.mark.parametrize("reference", ["refs/heads/", "refs/remotes/origin/"])
def test_a_branch_with_work_of_others_is_not_replaced(
    reference: str, trial: Trial, report: Path
) -> None:
    """Somebody may have resolved conflicts there."""
    propose(trial.service, trial.merge(), BRANCH, report)
    git = Repository(trial.service).git
    resolved = git("commit-tree", f"{BRANCH}^{{tree}}", "-p", BRANCH, "-m", "Resolve").strip()
    git("update-ref", f"{reference}{BRANCH}", resolved)

    with pytest.raises(UpdateError, match="has commits of template@localhost"):
        propose(trial.service, trial.merge(), BRANCH, report)

    assert resolved == git("rev-parse", f"{reference}{BRANCH}").strip()


def test_a_folder_of_a_larger_repository_is_proposed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Path
) -> None:
    """The rest of the repository is in the commit unchanged."""
    top = tmp_path / "repository"
    write(top / "other", {"file.txt": "committed\n"})
    trial = made(tmp_path, top, top / "services/ours", monkeypatch)
    before = contents(top)

    propose(trial.service, trial.merge(), BRANCH, report)

    found = Repository(top).entries(BRANCH)
    names = {f"services/ours/{name}" for name in {*BASE, *THEIRS} - {"gone.txt", "retired.txt"}}
    assert {"other/file.txt", *names} == found.keys()
    assert before == contents(top)
