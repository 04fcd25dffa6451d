"""Tests that reach the network, are skipped silently, or cannot fail: TST."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import FUNCTIONS, Source, last_name

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["empty_tests", "open_sockets", "silent_skips"]

FIXTURES: Final = frozenset({"enable_socket", "socket_enabled"})
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
        if not ast.unparse(node).startswith("pytest.") or node.attr not in {
            "skip",
            "skipif",
            "xfail",
        }:
            continue
        call = called.get(id(node))
        conditions = 1 if node.attr == "skipif" else 0
        given = (
            [*call.args[conditions:], *(k for k in call.keywords if k.arg == "reason")]
            if call
            else []
        )
        if not given:
            yield node.lineno, f"`{node.attr}` has no reason"


def empty_tests(source: Source) -> Iterator[tuple[int, str]]:
    """Assert what must be true, with values that a defect would change."""
    for function in source.walk(*FUNCTIONS):
        if not function.name.startswith("test_"):
            continue
        inner = [node for part in function.body for node in ast.walk(part)]
        claims = [node for node in inner if isinstance(node, ast.Assert)]
        constant = [node for node in claims if isinstance(node.test, ast.Constant)]
        called = {last_name(node) for node in inner if isinstance(node, ast.Call)}
        if constant:
            yield constant[0].lineno, f"`{function.name}` asserts a constant"
        elif not claims and called <= {"print"}:
            yield function.lineno, f"`{function.name}` asserts nothing"
