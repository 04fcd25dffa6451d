"""Findings of the judge, and its own codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CODES", "Finding", "JudgeError", "counted"]

CODES: Final = {
    "ENF1": "the tables of tools in pyproject.toml are at least as strict as the release's",
    "ENF2": "scripts/ and src/gwkit/ are as the release has them",
    "ENF3": "every hook of the release runs before a commit",
    "ENF4": "every job and step of the release's CI runs",
    "ENF5": "make targets, floors, pins and hashes are at least those of the release",
    "ENF6": "a comment or decorator that turns a check off has a code and a reason",
    "ENF7": "no other file configures the tools of pyproject.toml",
    "ENF8": "git tracks no secret, merge marker, rejected hunk or file above 1 MB",
    "ENF9": "each entry of exceptions.toml is complete, needed and not expired",
}


def counted(count: int, what: str) -> str:
    """Return a number with its noun: `1 finding`, `2 findings`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


class JudgeError(Exception):
    """A repository cannot be judged; the message says why."""


@dataclass(frozen=True, order=True)
class Finding:
    """A violation of `code` in a file of the service.

    `key` names the setting, job, target or comment in the file, without its line, so that an
    exception can refer to it; it is empty where the file as a whole is meant.
    """

    path: str
    line: int
    code: str
    message: str
    key: str = ""

    def __str__(self) -> str:
        """Return `path:line: CODE message`, with the key that an exception needs."""
        key = f" [{self.key}]" if self.key else ""
        return f"{self.path}:{self.line}: {self.code} {self.message}{key}"
