"""Tests that reach the network, are skipped silently, or cannot fail: TST."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import FUNCTIONS, Source, last_name, literal, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["empty_tests", "open_sockets", "silent_skips"]

FIXTURES: Final = frozenset(
    {"enable_socket", "remove_host_restrictions", "socket_allow_hosts", "socket_enabled"}
)
SKIPS: Final = frozenset({"skip", "skipif", "xfail"})
RUNNERS: Final = ("pytest.", "unittest.")
MARKS: Final = frozenset({"pytest.mark.allow_hosts", "pytest.mark.enable_socket"})


def open_sockets(source: Source) -> Iterator[tuple[int, str]]:
    """Replace the server by a fake on loopback, or replay a cassette."""
    for node in source.walk(ast.Attribute, ast.Name, ast.arg, ast.Constant):
        match node:
            case ast.Attribute():
                name = ast.unparse(node)
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Constant(value=str(name)):
                pass
            case _:
                continue
        if name in MARKS or name.rpartition(".")[2] in FIXTURES:
            yield node.lineno, f"`{name}` opens the sockets"


def silent_skips(source: Source) -> Iterator[tuple[int, str]]:
    """Give the reason for a skipped test, or delete the test."""
    called = {id(node.func): node for node in source.walk(ast.Call)}
    for node in source.walk(ast.Attribute):
        if node.attr not in SKIPS or not source.full_name(node).startswith(RUNNERS):
            continue
        call = called.get(id(node))
        conditions = 1 if node.attr == "skipif" else 0
        given = (
            [*call.args[conditions:], *(k for k in call.keywords if k.arg == "reason")]
            if call
            else []
        )
        reasons = [each.value if isinstance(each, ast.keyword) else each for each in given]
        if all(literal(each) == "" for each in reasons):
            yield node.lineno, f"`{node.attr}` has no reason"
        if call and any(ast.unparse(each) == "strict=False" for each in call.keywords):
            yield node.lineno, f"`{node.attr}` accepts a test that passes"


def empty_tests(source: Source) -> Iterator[tuple[int, str]]:
    """Assert what must be true, with values that a defect would change."""
    for function in source.walk(*FUNCTIONS):
        if not function.name.startswith("test_"):
            continue
        inner = [node for part in function.body for node in ast.walk(part)]
        claims = [node for node in inner if isinstance(node, ast.Assert)]
        constant = [node for node in claims if _holds_always(node.test)]
        called = {last_name(node) for node in inner if isinstance(node, ast.Call)}
        if constant:
            yield constant[0].lineno, f"`{function.name}` asserts a constant"
        elif (not claims and called <= {"print"}) or any(
            isinstance(node, ast.Return) for node in function.body[:2]
        ):
            yield function.lineno, f"`{function.name}` asserts nothing"
        for node in inner:
            if isinstance(node, ast.ExceptHandler) and "AssertionError" in names_in(node.type):
                yield node.lineno, f"`{function.name}` catches what it asserts"


def _holds_always(test: ast.expr) -> bool:
    """Say whether a condition is true whatever the code does."""
    match test:
        case ast.Compare(left=left, comparators=[right]):
            if isinstance(left, ast.Constant) and isinstance(right, ast.Constant):
                return True
            # Calling twice is how a test shows that the result is the same.
            called = any(isinstance(node, ast.Call) for node in ast.walk(left))
            return not called and ast.dump(left) == ast.dump(right)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(map(_holds_always, values))
        case ast.Tuple():
            return True
        case _:
            return isinstance(test, ast.Constant)
