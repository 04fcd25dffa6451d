"""A service's checkout: its files are read and parsed, and nothing in it is run."""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import yaml

from scripts.judge.finding import JudgeError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ANSWERS", "Checkout", "git"]

ANSWERS: Final = ".copier-answers.yml"
# A repository's own configuration may name programs; none of them is run.
_SAFE: Final = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "log.showSignature=false"),
)
_LEFT_OUT: Final = {".git", ".venv", ".cache", "__pycache__", "var", "node_modules"}


def git(root: Path, *arguments: str) -> str:
    """Return what a git command prints.

    Raises:
        JudgeError: git refused.
    """
    command = ["git", *_SAFE, "-C", str(root), *arguments]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "GIT_NO_LAZY_FETCH": "1", "GIT_OPTIONAL_LOCKS": "0"},
    )
    if done.returncode:
        raise JudgeError(f"git {arguments[0]}: {done.stderr.strip() or 'failed'}")
    return done.stdout


@dataclass(frozen=True)
class Checkout:
    """A folder of files: a service, or a release as it was rendered.

    Args:
        root: The folder.
        over: A folder whose files go before those of `root`.
    """

    root: Path
    over: Path | None = None

    @cached_property
    def paths(self) -> frozenset[str]:
        """The plain files that git tracks or would track; without git, all but caches."""
        # A symbolic link could lead out of the checkout.
        return frozenset(name for name, plain in self._names.items() if plain)

    @cached_property
    def unread(self) -> frozenset[str]:
        """The symbolic links and submodules, which are not looked into."""
        found = frozenset(name for name, plain in self._names.items() if not plain)
        return frozenset(
            n for n in found if (self.root / n).is_symlink() or (self.root / n).is_dir()
        )

    @cached_property
    def _names(self) -> dict[str, bool]:
        """The names that git lists, each with whether it is a plain file."""
        if (self.root / ".git").exists():
            listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
            names = {name for name in git(self.root, *listed).split("\0") if name}
        else:
            names = {
                name.as_posix()
                for folder in (self.root, self.over or self.root)
                for path in folder.rglob("*")
                if path.is_symlink() or not path.is_dir()
                if not _LEFT_OUT & {*(name := path.relative_to(folder)).parts}
            }
        files = {name: self._file(name) for name in names}
        return {n: file.is_file() and not file.is_symlink() for n, file in files.items()}

    def _file(self, path: str) -> Path:
        if self.over and (self.over / path).is_file():
            return self.over / path
        return self.root / path

    def data(self, path: str) -> bytes | None:
        """Return a file's bytes with line feeds only, or None where there is no plain file."""
        if path not in self.paths:
            return None
        if path not in self._read:
            self._read[path] = self._file(path).read_bytes().replace(b"\r\n", b"\n")
        return self._read[path]

    @cached_property
    def _read(self) -> dict[str, bytes]:
        return {}

    def equals(self, other: Checkout, path: str) -> bool:
        """Say whether a file is the same in another checkout, whatever its line ends are."""
        return self.data(path) == other.data(path)

    def text(self, path: str) -> str:
        """Return a file's text, empty where there is no such file."""
        return (self.data(path) or b"").decode("utf-8", errors="replace")

    def toml(self, path: str) -> dict[str, Any]:
        """Return a TOML file.

        Raises:
            JudgeError: It is not valid TOML.
        """
        try:
            return tomllib.loads(self.text(path))
        except tomllib.TOMLDecodeError as exc:
            raise JudgeError(f"{path} is not valid TOML: {exc}") from exc

    def yaml(self, path: str) -> dict[Any, Any]:
        """Return a YAML mapping, empty where there is no such file.

        Raises:
            JudgeError: It is not a YAML mapping.
        """
        try:
            loaded = yaml.load(self.text(path), Loader=yaml.CSafeLoader) or {}
        except yaml.YAMLError as exc:
            raise JudgeError(f"{path} is not valid YAML: {exc}") from exc
        if not isinstance(loaded, dict):
            raise JudgeError(f"{path} is not a YAML mapping")
        return loaded

    def line_of(self, path: str, text: str) -> int:
        """Return the number of the first line that holds a text, or 1."""
        lines = self.text(path).splitlines()
        return next((n for n, line in enumerate(lines, 1) if text and text in line), 1)

    @cached_property
    def answers(self) -> dict[str, Any]:
        """The answers that the service was rendered with.

        Raises:
            JudgeError: The checkout is not a service of this template.
        """
        if not self.root.is_dir():
            raise JudgeError("there is no such folder")
        if self.data(ANSWERS) is None:
            raise JudgeError(f"no {ANSWERS}: not a service of this template")
        return self.yaml(ANSWERS)
