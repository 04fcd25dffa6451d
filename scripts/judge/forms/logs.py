"""Loggers that are gone around, and secrets that reach a log: LOG, CFG."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import Source, last_name

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["kept_methods", "told_secrets"]

LOGGERS: Final = frozenset({"log", "logger", "_log", "_logger"})
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical", "exception"})


def _is_event(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute) and node.attr in LEVELS and last_name(node.value) in LOGGERS
    )


def kept_methods(source: Source) -> Iterator[tuple[int, str]]:
    """Call the logger itself, so that its events can be checked."""
    called = {id(call.func) for call in source.walk(ast.Call)}
    for node in source.walk(ast.Attribute):
        if _is_event(node) and id(node) not in called:
            yield node.lineno, f"`{ast.unparse(node)}` is passed on instead of called"


def told_secrets(source: Source) -> Iterator[tuple[int, str]]:
    """Log or raise without the secret; `SecretStr` masks itself."""
    for node in source.walk(ast.Call, ast.Raise):
        if isinstance(node, ast.Call) and not _is_event(node.func):
            continue
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call) and last_name(inner.func) == "get_secret_value":
                yield inner.lineno, "the secret is in an event or an error"
