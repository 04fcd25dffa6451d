"""A Python file of a service, parsed, and small questions about syntax trees."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FUNCTIONS", "Function", "Source", "last_name", "literal", "names_in"]

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """A module by its path in the checkout."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree, empty if the file is not valid Python."""
        try:
            return ast.parse(self.text)
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the file."""
        return self.text.splitlines()

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def walk(self, *kinds: type[ast.AST]) -> Iterator[Any]:
        """Yield the nodes of these kinds."""
        return (node for node in self._nodes if isinstance(node, kinds))

    @cached_property
    def imported(self) -> dict[str, str]:
        """The full name of what each import binds: `{"connect": "sqlite3.connect"}`."""
        found: dict[str, str] = {}
        for node in self.walk(ast.Import, ast.ImportFrom):
            start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                bound = alias.asname or alias.name.split(".")[0]
                found[bound] = start + (alias.name if alias.asname or start else bound)
        return found

    def full_name(self, node: ast.expr) -> str:
        """Return a dotted name as it would be imported, such as `time.sleep`."""
        first, _, rest = ast.unparse(node).partition(".")
        known = self.imported.get(first, first)
        return f"{known}.{rest}" if rest else known

    def excuses(self, code: str, line: int) -> bool:
        """Say whether a comment on the line, or anywhere for line 1, allows a finding."""
        chosen = self.lines if line == 1 else self.lines[line - 1 : line]
        return any(re.search(rf"# allow {code}: \S", text) for text in chosen)


def last_name(node: ast.expr | None) -> str:
    """Return `c` of `a.b.c` and of a call of it, an empty string where there is no name."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case ast.Call(func=called):
            return last_name(called)
        case _:
            return ""


def names_in(node: ast.expr | None) -> set[str]:
    """Return the names in an expression, such as the types of an annotation."""
    inner = ast.walk(node) if node else ()
    return {name for each in inner if isinstance(each, ast.expr) if (name := last_name(each))}


def literal(node: ast.expr | None) -> str | float | None:
    """Return the text or number that an expression is, or None."""
    match node:
        case ast.UnaryOp(operand=ast.Constant() as inner) | (ast.Constant() as inner):
            if isinstance(inner.value, str | int | float) and not isinstance(inner.value, bool):
                return inner.value
            return None
        case ast.Call(func=ast.Name(id="Path"), args=[ast.Constant(value=str(text)), *_]):
            return text
        case ast.Call(func=ast.Name(id="field" | "Field"), keywords=keywords):
            return next((literal(each.value) for each in keywords if each.arg == "default"), None)
        case ast.BinOp(left=left) if all(
            isinstance(each, ast.BinOp | ast.Constant | ast.operator) for each in ast.walk(node)
        ):
            return literal(left)
        case _:
            return None
