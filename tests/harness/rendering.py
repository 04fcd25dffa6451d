"""The template as a scratch repository with tags, and the services rendered from it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import copier

from harness.answers import ROOT, Answers, questions
from harness.commands import git, run

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATE_PATHS: Final = ("copier.yml", "includes", "template", "CHANGELOG.md", "moves.toml")
BINARY_SUFFIXES: Final = frozenset({".pdf", ".docx", ".png", ".ico"})


@dataclass(frozen=True, slots=True)
class TemplateRepository:
    """A git repository that holds a copy of the template, uncommitted work included."""

    root: Path

    @classmethod
    def of_working_tree(cls, root: Path) -> TemplateRepository:
        """Copy the tracked and the new files of the template into a new repository."""
        listed = git(
            ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", *TEMPLATE_PATHS
        )
        for name in filter(None, listed.split("\0")):
            source = ROOT / name
            if source.is_file():  # a deleted file is listed until the deletion is staged
                target = root / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        git(root, "init", "--quiet", "--initial-branch=main")
        return cls(root)

    def release(self, tag: str) -> None:
        """Commit everything under a tag."""
        commit_all(self.root, tag)
        git(self.root, "tag", tag)

    def render(
        self,
        destination: Path,
        answers: Answers | None = None,
        ref: str = "HEAD",
        exclude: Sequence[str] = (),
    ) -> Path:
        """Render a service as an untrusted template would, without questions."""
        copier.run_copy(
            str(self.root),
            destination,
            data=dict(answers or {}),
            defaults=True,
            quiet=True,
            vcs_ref=ref,
            exclude=exclude,
        )
        return destination

    def ask(self, answers: Answers, plain: Path) -> dict[str, object]:
        """Answer the questions and render nothing; return every answer, derived ones too.

        Args:
            answers: The answers; defaults for the rest.
            plain: An empty folder. The questions are asked from there, because without git's
                history and the template's files this takes milliseconds instead of seconds.
        """
        for name in ("copier.yml", "includes"):
            run("cp", "-r", self.root / name, plain, cwd=self.root)
        (plain / "template").mkdir()
        asked = copier.run_copy(
            str(plain), plain / "nowhere", data=dict(answers), defaults=True, quiet=True
        )
        return {name: asked.answers.combined[name] for name in questions()}


def commit_all(root: Path, message: str) -> None:
    """Commit the whole tree, in a new repository if there is none."""
    if not (root / ".git").exists():
        git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", message)


def files(root: Path) -> list[str]:
    """List the files of a rendered service, sorted, without git's own and environments."""
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not {".git", ".venv"} & set(path.relative_to(root).parts)
    )


def contents(root: Path) -> dict[str, bytes]:
    """Return the bytes of every file of a rendered service, by path."""
    return {name: (root / name).read_bytes() for name in files(root)}


def texts(root: Path) -> dict[str, str]:
    """Return every text file of a rendered service, by path."""
    return {
        name: (root / name).read_text(encoding="utf-8")
        for name in files(root)
        if Path(name).suffix not in BINARY_SUFFIXES
    }


def tool(name: str, *arguments: str | Path, cwd: Path, expected: int | None = 0) -> str:
    """Run one of this repository's pinned tools in a folder and return its output."""
    return run(ROOT / ".venv/bin" / name, *arguments, cwd=cwd, expected=expected).stdout
