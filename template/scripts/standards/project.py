"""The subject of the rules: the checkout, its modules and its files."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["WHOLE", "Module", "Project"]

WHOLE = 1
"""The line of a finding that is about a whole file."""

PYTHON_FOLDERS = ("src", "scripts", "tests")

_EXCUSE = re.compile(r"# allow (?P<code>[A-Z]{3}\d): \S")


@dataclass(frozen=True)
class Module:
    """A Python file, by its path in the checkout."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; empty if the file is not valid Python, which other steps report."""
        try:
            return ast.parse(self.text, filename=self.path)
        except SyntaxError:
            return ast.Module([], [])

    @cached_property
    def imports(self) -> list[tuple[int, str, str]]:
        """Each import's line, its dotted name, and the name that it binds."""
        found: list[tuple[int, str, str]] = []
        for node in self.walk(ast.Import, ast.ImportFrom):
            relative = "." * getattr(node, "level", 0) + (getattr(node, "module", "") or "")
            start = f"{relative}." if isinstance(node, ast.ImportFrom) else ""
            found += [
                (node.lineno, f"{start}{alias.name}", alias.asname or alias.name.split(".")[0])
                for alias in node.names
            ]
        return found

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def walk(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """Yield the nodes of these kinds."""
        return (node for node in self._nodes if isinstance(node, kinds))

    def excuses(self, code: str, line: int) -> bool:
        """Return whether a comment allows a finding, on its line or anywhere for a module."""
        lines = self.text.splitlines()
        chosen = lines if line == WHOLE else lines[line - 1 : line]
        return any(found["code"] == code for text in chosen for found in _EXCUSE.finditer(text))


@dataclass(frozen=True)
class Project:
    """A checkout."""

    root: Path

    @cached_property
    def _python(self) -> list[Module]:
        found = (path for name in PYTHON_FOLDERS for path in (self.root / name).rglob("*.py"))
        paths = sorted(path for path in found if path.is_file())
        return [
            Module(path.relative_to(self.root).as_posix(), path.read_text(encoding="utf-8"))
            for path in paths
        ]

    def modules(self, *folders: str) -> Iterator[Module]:
        """Yield the Python files under these folders, sorted."""
        starts = tuple(f"{folder}/" for folder in folders)
        return (module for module in self._python if module.path.startswith(starts))

    def text(self, path: str) -> str:
        """Return a file's text, empty if the file does not exist."""
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """The configuration of the tools."""
        return tomllib.loads(self.text("pyproject.toml"))

    def line_of(self, path: str, start: str) -> int:
        """Return the number of the first line with this start, or 1."""
        lines = self.text(path).splitlines()
        return next((n for n, text in enumerate(lines, 1) if text.startswith(start)), WHOLE)
