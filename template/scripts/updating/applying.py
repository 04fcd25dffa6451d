"""Apply a merge to a service's checkout in one step, and undo it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypedDict

from scripts.template_update import UpdateError
from scripts.updating.repository import GitError, Repository

if TYPE_CHECKING:
    from pathlib import Path

    from scripts.updating.merging import Merge

__all__ = ["State", "abort", "apply", "refuse_unready", "take_over", "unfinished"]


class State(TypedDict):
    """An update that is not committed yet, stored in the git directory."""

    release: str
    head: str
    tree: str
    complete: bool


def refuse_unready(service: Path) -> None:
    """Reject a checkout in which an update could not be undone.

    Raises:
        UpdateError: There are no commits, or uncommitted changes.
    """
    checkout = Repository(service)
    try:
        checkout.git("rev-parse", "--verify", "--quiet", "HEAD:./")
        dirty = checkout.git("status", "--porcelain", "--", ".").splitlines()
    except GitError as exc:
        message = "the service must be committed to a git repository"
        raise UpdateError(message) from exc
    if dirty and (state := unfinished(service)):
        how = "is not committed yet: commit it, or" if state["complete"] else "was interrupted:"
        message = (
            f"the update to {state['release']} {how} restore the state before "
            "with `make template-update ABORT=1`"
        )
        raise UpdateError(message)
    if dirty:
        message = f"commit or stash your changes first: {', '.join(dirty[:5]).strip()}"
        raise UpdateError(message)


def unfinished(service: Path) -> State | None:
    """Return the update that is not committed yet, if there is one."""
    file = _state_file(service)
    if not file.exists():
        return None
    state: State = json.loads(file.read_text("utf-8"))
    head = Repository(service).git("rev-parse", "HEAD").strip()
    return state if state["head"] == head else None


def apply(service: Path, merged: Merge) -> None:
    """Write the result of a merge to the service's files and index, completely or not at all.

    Raises:
        UpdateError: An untracked file blocks the update, or the disk is full.
        GitError: Git failed; the service is unchanged.
    """
    checkout = Repository(service)
    _refuse_blocked(service, merged)
    target = take_over(checkout, merged)
    prefix = checkout.git("rev-parse", "--show-prefix").strip()
    state = State(
        release=merged.new,
        head=checkout.git("rev-parse", "HEAD").strip(),
        tree=merged.tree,
        complete=False,
    )
    _save(service, state)
    try:
        checkout.git("read-tree", "-m", "-u", "HEAD", target)
        if merged.stages:
            lines = [line.split("\t", 1) for line in merged.stages.split("\0") if line]
            none = "0" * len(target)
            removed = [f"0 {none}\t{prefix}{path}" for path in merged.conflicts]
            staged = [f"{about}\t{prefix}{path}" for about, path in lines]
            given = "\n".join([*removed, *staged]) + "\n"
            checkout.git("update-index", "--index-info", given=given)
    except BaseException:
        abort(service)
        raise
    _save(service, State(**{**state, "complete": True}))


def take_over(checkout: Repository, merged: Merge) -> str:
    """Copy the objects of a merge to the service's repository; return the whole new tree.

    Raises:
        GitError: Git failed.
    """
    commit = merged.scratch.commit(merged.tree, merged.new)
    merged.scratch.git("update-ref", "refs/heads/result", commit)
    checkout.git("fetch", "--quiet", "--no-tags", str(merged.scratch.folder), "refs/heads/result")
    prefix = checkout.git("rev-parse", "--show-prefix").strip()
    return _whole_tree(checkout, prefix, merged.tree)


def abort(service: Path) -> str:
    """Restore the state before an uncommitted update; return the release of the update.

    Raises:
        UpdateError: There is no such update.
        GitError: Git failed.
    """
    state = unfinished(service)
    if state is None:
        message = "there is no update to undo: the last one is committed, or there was none"
        raise UpdateError(message)
    checkout = Repository(service)
    if not state["complete"]:
        # The git process of an interrupted update has ended, so its lock is stale.
        checkout.git_path("index.lock").unlink(missing_ok=True)
    before = set(checkout.paths("ls-tree", "-r", "--name-only", "HEAD"))
    for path, (_, name) in checkout.entries(state["tree"]).items():
        file = service / path
        # Not in the index yet if the update was interrupted, so git does not remove it below.
        written = path not in before and file.is_file() and not file.is_symlink()
        if written and checkout.git("hash-object", "--", str(file)).strip() == name:
            file.unlink()
    checkout.git("reset", "--quiet", "--", ".")
    checkout.git("checkout", "--quiet", "HEAD", "--", ".")
    _state_file(service).unlink()
    return state["release"]


def _refuse_blocked(service: Path, merged: Merge) -> None:
    checkout = Repository(service)
    before = set(checkout.paths("ls-tree", "-r", "--name-only", "HEAD"))
    if checkout.git("config", "--get", "--bool", "core.ignoreCase", passing=1).strip() == "true":
        before |= _refuse_same_but_case(merged, before)
    new = merged.result.keys() - before
    folders = {str(each) for path in new for each in PurePosixPath(path).parents[:-1]}
    instead = {path for path in folders - before if not _is_folder(service / path)}
    blocked = sorted(path for path in new | instead if os.path.lexists(service / path))
    if blocked:
        message = (
            f"the release has files at paths of your untracked files: {', '.join(blocked)}; "
            "move them away first"
        )
        raise UpdateError(message)
    changed = [path for path in merged.result if merged.result[path] != merged.ours.get(path)]
    files = [merged.scratch.folder / path for path in changed]
    needed = sum(file.stat().st_size for file in files if file.is_file()) + 10_000_000
    if (free := shutil.disk_usage(service).free) < needed:
        message = f"{needed:,} bytes are needed on the disk, and {free:,} are free"
        raise UpdateError(message)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _refuse_same_but_case(merged: Merge, before: set[str]) -> set[str]:
    """Return the paths that only change their case.

    Raises:
        UpdateError: The file system would write two files of the result to one.
    """
    folded: dict[str, str] = {}
    for path in sorted(merged.result):
        other = folded.setdefault(path.casefold(), path)
        if other != path and not {other, path} <= before:
            message = (
                f"{other} and {path} differ only in case, which this file system ignores: "
                "rename yours first"
            )
            raise UpdateError(message)
    names = {path.casefold() for path in before}
    return {path for path in merged.result if path.casefold() in names}


def _whole_tree(checkout: Repository, prefix: str, tree: str) -> str:
    """Return the tree of the whole repository with the service's part replaced."""
    if not prefix:
        return tree
    index = checkout.git_path("groundwork-index")
    env = {"GIT_INDEX_FILE": str(index)}
    try:
        checkout.git("read-tree", "HEAD", env=env)
        checkout.git("rm", "-r", "--quiet", "--cached", "--", ".", env=env)
        checkout.git("read-tree", f"--prefix={prefix}", tree, env=env)
        return checkout.git("write-tree", env=env).strip()
    finally:
        index.unlink(missing_ok=True)


def _state_file(service: Path) -> Path:
    return Repository(service).git_path("groundwork-update.json")


def _save(service: Path, state: State) -> None:
    _state_file(service).write_text(json.dumps(state), encoding="utf-8")
