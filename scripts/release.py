"""Release the version that the last commit sets: drill, tag, push the tag.

python scripts/release.py --check       print the version that is due, or nothing
python scripts/release.py               drill, and tag the commit
python scripts/release.py --push        and push the tag
python scripts/release.py --notes FILE  write the changelog's entry to a file

A tag is `vX.Y.Z`, made once, and the only one of its commit: Copier would take the services of a
moved tag, or of two tags, for something else than they are. So a release is refused if any tag is
not at the commit that set its version; that also excludes a second tag on a commit.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ReleaseError", "due", "entry", "main", "tag"]

ROOT = Path(__file__).resolve().parents[1]
_TAG = re.compile(r"v(\d+)\.(\d+)\.(\d+)")
_DRILL = (sys.executable, "-m", "drill")
_IDENTITY = ("-c", "user.name=Groundwork releases", "-c", "user.email=releases@localhost")


class ReleaseError(Exception):
    """The commit cannot be released; the message has the reason."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 1 if the release is refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="print the version that is due")
    parser.add_argument("--drilled", action="store_true", help="the drill has passed before")
    parser.add_argument("--push", action="store_true", help="push the tag to origin")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="write the changelog's entry")
    parser.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    options = parser.parse_args(argv)
    try:
        version = due(options.root)
        if version and options.notes:
            options.notes.write_text(entry(options.root, version), encoding="utf-8")
        if options.check:
            print(version)
        elif not version:
            print("Nothing to release: the version has its tag.")
        else:
            if not options.drilled:
                drill(options.root)
            tag(options.root, version, push=options.push)
            print(f"Released v{version}.")
    except ReleaseError as exc:
        print(f"release: {exc}", file=sys.stderr)
        return 1
    return 0


def due(root: Path) -> str:
    """Return the version that the last commit releases, empty if it sets none.

    Raises:
        ReleaseError: Tags or versions contradict each other.
    """
    tags = _tags(root)
    for name, commit in tags.items():
        if not _TAG.fullmatch(name):
            raise ReleaseError(f"{name} is not the tag of a version: delete it")
        if (set_by := _commit_of(root, name[1:])) != commit:
            where = f"{set_by[:12]} set that version" if set_by else "no commit set that version"
            raise ReleaseError(f"{name} is at {commit[:12]}, but {where}: the tag was moved")
    version = str(tomllib.loads(_show(root, "HEAD:pyproject.toml"))["project"]["version"])
    if f"v{version}" in tags:
        return ""
    if not _TAG.fullmatch(f"v{version}"):
        raise ReleaseError(f"{version} is not a version like 1.2.3")
    entry(root, version)
    if newer := [name for name in tags if _order(name) > _order(f"v{version}")]:
        message = f"{version} is out of order: there is {max(newer, key=_order)} already"
        raise ReleaseError(message)
    head = _git(root, "rev-parse", "HEAD").strip()
    if _commit_of(root, version) != head:
        message = (
            f"{version} was set by an earlier commit than the last one, and never tagged: "
            "check it out to release it, or set the next version"
        )
        raise ReleaseError(message)
    return version


def entry(root: Path, version: str) -> str:
    """Return the changelog's entry of a version, which must be its newest.

    Raises:
        ReleaseError: There is none, or it does not say what an update does.
    """
    parts = re.split(r"^## \[(.+?)\].*\n", _show(root, "HEAD:CHANGELOG.md"), flags=re.MULTILINE)
    if parts[1:2] != [version]:
        found = f"begins with {parts[1]}" if parts[1:] else "has no entry"
        raise ReleaseError(f"pyproject.toml has {version}, but CHANGELOG.md {found}")
    if "### What an update does" not in parts[2]:
        raise ReleaseError(f"the entry of {version} does not say what an update does")
    return parts[2].strip() + "\n"


def drill(root: Path) -> None:
    """Update the services of the drill.

    Raises:
        ReleaseError: It failed.
    """
    env = {**os.environ, "PYTHONPATH": "tests"}
    if subprocess.run(_DRILL, cwd=root, env=env, check=False).returncode:
        raise ReleaseError("the drill has not passed; its output is above")


def tag(root: Path, version: str, *, push: bool) -> None:
    """Tag the last commit, and optionally push the tag.

    Raises:
        ReleaseError: The tag exists, here or at the remote.
    """
    name = f"v{version}"
    _git(root, *_IDENTITY, "tag", "--annotate", "--no-sign", "--message", name, name, "HEAD")
    if push:
        try:
            _git(root, "push", "--quiet", "origin", f"refs/tags/{name}")
        except ReleaseError:
            _git(root, "tag", "--delete", name)
            raise


def _tags(root: Path) -> dict[str, str]:
    """Return the commit of each tag."""
    names = _git(root, "tag", "--list").split()
    return {name: _git(root, "rev-list", "-n1", name).strip() for name in names}


def _commit_of(root: Path, version: str) -> str:
    """Return the commit that dated a version's entry, if it also set the version."""
    heading = rf"-G^## \[{re.escape(version)}\]"
    found = _git(root, "log", "-1", "--format=%H", heading, "--", "CHANGELOG.md").strip()
    if not found:
        return ""
    project = tomllib.loads(_show(root, f"{found}:pyproject.toml"))["project"]
    return found if project["version"] == version else ""


def _order(name: str) -> tuple[int, ...]:
    found = _TAG.fullmatch(name)
    return tuple(map(int, found.groups())) if found else ()


def _show(root: Path, what: str) -> str:
    return _git(root, "show", what)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=root, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
