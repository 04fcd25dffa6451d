"""What `tests/mutations.toml` changes in a service, and the tests that must fail then."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Final

from harness.answers import ROOT

__all__ = ["MUTATIONS", "Mutation"]


@dataclass(frozen=True)
class Mutation:
    """One change that breaks a practice, and the tests that notice.

    Args:
        code: The practice.
        name: What is changed.
        path: The file.
        old: Text that stands once in the file.
        new: Its replacement.
        tests: The ids of the tests that must fail, each one.
        batch: Mutations of the same batch are made together.
    """

    code: str
    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, ...]
    batch: int = 1

    def __str__(self) -> str:
        """Return the code and the name, which are the id of a test."""
        return f"{self.code} {self.name}"


def _loaded() -> list[Mutation]:
    tables = tomllib.loads((ROOT / "tests/mutations.toml").read_text("utf-8"))
    return [
        Mutation(code, name, **{**entry, "tests": tuple(entry["tests"])})
        for code, entries in tables.items()
        for name, entry in entries.items()
    ]


MUTATIONS: Final = _loaded()
