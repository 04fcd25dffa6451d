"""Singletons that two callers may make: CCH3."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scripts.judge.forms.source import Source

__all__ = ["racing_singletons"]

LEAVES: Final = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass
class _Tested:
    """Names that a test found missing, with its line: outside of locks, and in the last lock."""

    outside: dict[str, int] = field(default_factory=dict)
    inside: dict[str, int] | None = None

    def missing(self, *targets: str, line: int) -> _Tested:
        known = dict.fromkeys(filter(None, targets), line)
        if self.inside is None:
            return _Tested({**self.outside, **known})
        return _Tested(self.outside, {**self.inside, **known})

    def races(self, target: str) -> int:
        """Return the line of a test that another caller may have passed, or 0."""
        return 0 if target in (self.inside or {}) else self.outside.get(target, 0)


def racing_singletons(source: Source) -> Iterator[tuple[int, str]]:
    """Make an async singleton with `AsyncOnce`, or check again under an `asyncio.Lock`."""
    for function in source.walk(ast.AsyncFunctionDef):
        inner = [*ast.walk(function)]
        kept = {
            n for node in inner if isinstance(node, ast.Global | ast.Nonlocal) for n in node.names
        }
        waits = [n.lineno for n in inner if isinstance(n, ast.Await | ast.AsyncWith | ast.AsyncFor)]
        for line, target, since in _made(function.body, _Tested()):
            # A plain name that is not kept is of this call only.
            if target.isidentifier() and target not in kept:
                continue
            if any(since <= wait <= line for wait in waits):
                yield line, f"two callers may both make `{target}`"


def _made(body: Sequence[ast.stmt], tested: _Tested) -> Iterator[tuple[int, str, int]]:
    """Yield each assignment's last line and target, and the line of the test that it trusts."""
    for node in body:
        match node:
            case ast.If(test=test):
                yield from _made(node.body, tested.missing(_missing(test), line=node.lineno))
                present = _present(test)
                yield from _made(node.orelse, tested.missing(present, line=node.lineno))
                if isinstance(node.body[-1], LEAVES):
                    tested = tested.missing(present, line=node.lineno)
            case ast.AsyncWith():
                yield from _made(node.body, _Tested(tested.outside, {}))
            case ast.With() | ast.For() | ast.AsyncFor() | ast.While():
                yield from _made(node.body, tested)
            case ast.Try():
                handled = [part for handler in node.handlers for part in handler.body]
                for part in (node.body, handled, node.orelse, node.finalbody):
                    yield from _made(part, tested)
            case ast.Assign(targets=[to]) | ast.AnnAssign(target=to):
                target, last = ast.unparse(to), node.end_lineno or node.lineno
                by_itself = ast.unparse(node).startswith(f"{target} = {target} or ")
                if since := tested.races(target) or (node.lineno if by_itself else 0):
                    yield last, target, since
            case _:
                pass


def _missing(test: ast.expr) -> str:
    """Return `x` of the conditions `x is None`, `not x` and `x not in y`, as `y[x]`."""
    match test:
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return ast.unparse(left)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _present(operand) or ast.unparse(operand)
        case ast.Compare(left=left, ops=[ast.NotIn()], comparators=[container]):
            return f"{ast.unparse(container)}[{ast.unparse(left)}]"
        case _:
            return ""


def _present(test: ast.expr) -> str:
    """Return `x` of the conditions `x`, `x is not None`, `x in y` and `hasattr`."""
    match test:
        case ast.Name() | ast.Attribute() | ast.Subscript():
            return ast.unparse(test)
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return ast.unparse(left)
        case ast.Compare(left=left, ops=[ast.In()], comparators=[container]):
            return f"{ast.unparse(container)}[{ast.unparse(left)}]"
        case ast.Call(func=ast.Name(id="hasattr"), args=[owner, ast.Constant(value=str(name))]):
            return f"{ast.unparse(owner)}.{name}"
        case _:
            return ""
