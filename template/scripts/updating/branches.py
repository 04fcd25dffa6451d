"""Commit an update to a branch, for a pull request, without touching the checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.template_update import UpdateError
from scripts.updating.applying import take_over
from scripts.updating.repository import Repository

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.updating.merging import Merge

__all__ = ["propose"]

_AUTHOR = "template-update@localhost"
_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Template update"), ("EMAIL", _AUTHOR))
}


def propose(service: Path, merged: Merge, branch: str, report: Path) -> str:
    """Put the result of a merge on a branch, as one commit on the current one.

    The commit's message is the report, and files with conflicts have their markers. An earlier
    proposal on the branch is replaced, unless it is the same.

    Args:
        service: The service's folder.
        merged: The merge.
        branch: The name of the branch.
        report: The page of the report.

    Returns:
        A sentence on what was done.

    Raises:
        UpdateError: The branch has commits of somebody else, here or at `origin`.
        GitError: Git failed.
    """
    checkout = Repository(service)
    target = take_over(checkout, merged)
    earlier = ""
    for reference in (f"refs/heads/{branch}", f"refs/remotes/origin/{branch}"):
        if checkout.git("for-each-ref", reference).strip():
            _refuse_foreign(checkout, branch, reference)
            made_of = checkout.git("log", "-1", "--format=%T %P", reference).strip()
            if made_of == f"{target} {checkout.git('rev-parse', 'HEAD').strip()}":
                earlier = checkout.git("rev-parse", reference).strip()
    title = f"Update the template to {merged.new}"
    if merged.conflicts:
        title += f", with conflicts in {len(merged.conflicts)} files"
    message = f"{title}\n\n{report.read_text(encoding='utf-8')}"
    tree = ("commit-tree", target, "-p", "HEAD", "-F", "-")
    commit = earlier or checkout.git(*tree, given=message, env=_IDENTITY).strip()
    checkout.git("update-ref", f"refs/heads/{branch}", commit)
    return f"{title}: committed to the branch {branch}. Nothing else was changed."


def _refuse_foreign(checkout: Repository, branch: str, reference: str) -> None:
    authors = checkout.git("log", "--format=%ce", f"HEAD..{reference}").split()
    if foreign := [author for author in authors if author != _AUTHOR]:
        message = (
            f"{branch} has commits of {foreign[0]}, which a new proposal would replace: "
            "merge or delete the branch first"
        )
        raise UpdateError(message)
