"""Findings of the checks, one line each, in the format that editors and CI understand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Finding", "report"]


@dataclass(frozen=True, order=True)
class Finding:
    """A violation of the practice `code` at a line of a file, by its path in the checkout."""

    path: str
    line: int
    code: str
    message: str

    def __str__(self) -> str:
        """Return `path:line: CODE message`."""
        return f"{self.path}:{self.line}: {self.code} {self.message}"


def report(findings: Iterable[Finding]) -> int:
    """Print the findings by file and line; return the exit code, 1 if there are any."""
    found = sorted(set(findings))
    for finding in found:
        print(finding)
    return 1 if found else 0
