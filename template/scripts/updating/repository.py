"""Git, run in a folder independently of the user's configuration."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Entries", "GitError", "Repository"]

Entries = dict[str, tuple[str, str]]
"""The files of a tree: path to mode and object id."""

# Commits in a scratch repository need no identity, signature or hook of a user.
_SETTINGS = (
    *("user.name=Groundwork", "user.email=template@localhost", "commit.gpgSign=false"),
    *(f"core.hooksPath={os.devnull}", "core.quotePath=false", "gc.auto=0"),
    *("merge.renames=true", "merge.directoryRenames=false", "diff.renameLimit=0"),
    *("merge.conflictStyle=merge", "rerere.enabled=false"),
)
_OPTIONS = tuple(part for setting in _SETTINGS for part in ("-c", setting))


class GitError(Exception):
    """Git rejected a command; the message is its output."""


class Repository:
    """A git repository with its files in `folder`, which may be part of a larger checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(
        self,
        *arguments: str,
        given: str | None = None,
        env: Mapping[str, str] | None = None,
        passing: int = 0,
    ) -> str:
        """Return the output of a git command.

        Args:
            arguments: The command.
            given: Its standard input.
            env: Additional environment variables.
            passing: The highest exit code that counts as success.

        Raises:
            GitError: Git is missing, or failed.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        try:
            done = subprocess.run(
                ["git", *_OPTIONS, *arguments],
                cwd=self.folder,
                env={**kept, "LC_ALL": "C", **(env or {})},
                input=given,
                check=False,
                capture_output=True,
                text=True,
                errors="surrogateescape",
            )
        except FileNotFoundError as exc:
            raise GitError("git is not installed") from exc
        if done.returncode > passing:
            said = done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}"
            raise GitError(f"git {arguments[0]}: {said}")
        return done.stdout

    def create(self, objects: Path, object_format: str) -> None:
        """Create a scratch repository in the folder, in which no file is converted.

        Args:
            objects: The folder of objects of another repository, to read them from there.
            object_format: The format of these objects: sha1 or sha256.
        """
        self.folder.mkdir()
        self.git("init", "--quiet", f"--object-format={object_format}")
        info = self.folder / ".git/info"
        info.mkdir(exist_ok=True)
        unconverted = "* -text -eol -filter -ident -working-tree-encoding\n"
        (info / "attributes").write_text(unconverted, encoding="utf-8")
        (self.folder / ".git/objects/info/alternates").write_text(f"{objects}\n", encoding="utf-8")

    def git_path(self, name: str) -> Path:
        """Return the absolute path of a file in the git directory."""
        path = self.git("rev-parse", "--path-format=absolute", "--git-path", name)
        return self.folder / path.strip()

    def paths(self, *arguments: str) -> list[str]:
        """Return the paths that a git command lists."""
        return [path for path in self.git(*arguments, "-z").split("\0") if path]

    def entries(self, tree: str) -> Entries:
        """Return the files of a tree."""
        found: Entries = {}
        for line in self.paths("ls-tree", "-r", "--full-tree", tree):
            about, path = line.split("\t", 1)
            mode, _, name = about.split()
            found[path] = mode, name
        return found

    def write_tree(self, folder: Path) -> str:
        """Return the tree of all files of a folder, including those that git would ignore."""
        index = self.folder / ".git/groundwork-index"
        index.unlink(missing_ok=True)
        env = {"GIT_INDEX_FILE": str(index)}
        self.git(f"--work-tree={folder}", "add", "--all", "--force", ".", env=env)
        return self.git("write-tree", env=env).strip()

    def commit(self, tree: str, message: str, *parents: str) -> str:
        """Return a new commit of a tree."""
        chosen = [part for parent in parents for part in ("-p", parent)]
        return self.git("commit-tree", tree, *chosen, "-m", message).strip()
