"""Rules about what code does: logging, raising, caching, secrets."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.standards.project import Module

__all__ = [
    "cached_arguments",
    "constant_events",
    "domain_errors",
    "module_loggers",
    "plain_secrets",
]

LEVELS = frozenset(
    {"debug", "info", "warning", "error", "critical", "exception", "fatal", "log", "msg"}
)
EVENT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LOGGERS = frozenset({"log", "logger", "_log", "_logger"})
FACTORIES = frozenset({"get_logger", "getLogger"})
CACHES = frozenset({"cache", "lru_cache"})
UNHASHABLE = frozenset(
    {"bytearray", "defaultdict", "deque", "dict", "list", "ndarray", "set", "Dict", "List", "Set"}
    | {"MutableMapping", "MutableSequence", "MutableSet", "NDArray", "Vector", "Vectors"}
)
TOO_GENERAL = frozenset({"BaseException", "Exception", "RuntimeError"})
SECRET_NAME = re.compile(r"(?i).*(api_?key|access_?key|secret_?key|auth_?token)")


def module_loggers(module: Module) -> Iterator[tuple[int, str]]:
    """Write `_log = structlog.stdlib.get_logger(__name__)` once, at the top of the module."""
    if module.path.startswith("src/gwkit/logging/"):
        return  # logging itself is set up there, on the root and on libraries' loggers
    top = {
        id(node.value) for node in module.tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))
    }
    for call in module.walk(ast.Call):
        if _last_name(call.func) not in FACTORIES:
            continue
        if id(call) not in top:
            yield call.lineno, "a logger is made outside the module's top level"
        elif [ast.unparse(argument) for argument in call.args] != ["__name__"]:
            yield call.lineno, "a logger is not named `__name__`"


def constant_events(module: Module) -> Iterator[tuple[int, str]]:
    """Log a constant snake_case event, and variables as fields: `_log.info("done", count=3)`."""
    names = set(LOGGERS)
    for node in module.walk(ast.Assign, ast.AnnAssign):
        if _is_logger(node.value, names):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(map(_last_name, targets))
    for call in module.walk(ast.Call):
        match call.func:
            case ast.Attribute(value=target, attr=level) if _is_logger(target, names):
                level = level.removeprefix("a")
            case _:
                continue
        match call.args[1:] if level == "log" else call.args:
            case _ if level not in LEVELS:
                pass
            case [ast.Constant(value=str(event))] if EVENT.fullmatch(event):
                pass
            case [_]:
                yield call.lineno, "an event is not a constant snake_case text"
            case _:
                yield call.lineno, "an event has no name, or positional arguments"


def _is_logger(node: ast.expr | None, names: set[str]) -> bool:
    """Return whether this is a known logger, a new one, or one bound to more fields."""
    match node:
        case ast.Call(func=ast.Attribute(value=inner, attr="bind" | "new" | "unbind")):
            return _is_logger(inner, names)
        case ast.Call(func=made):
            return _last_name(made) in FACTORIES
        case _:
            return _last_name(node) in names


def domain_errors(module: Module) -> Iterator[tuple[int, str]]:
    """Raise an error of `gwkit.errors`, or of a class of your own below `AppError`."""
    for node in module.walk(ast.Raise, ast.Call):
        name = _last_name(node.exc if isinstance(node, ast.Raise) else node.func)
        if name in TOO_GENERAL:
            yield node.lineno, f"`{name}` is too general for a caller to handle"


def cached_arguments(module: Module) -> Iterator[tuple[int, str]]:
    """Cache by hashable arguments, such as tuples; make an async singleton with `AsyncOnce`."""
    caches = {bound for _, name, bound in module.imports if name.rpartition(".")[2] in CACHES}
    for node in module.walk(ast.FunctionDef, ast.AsyncFunctionDef):
        decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        if not (CACHES | caches).intersection(map(_last_name, decorators)):
            continue
        if isinstance(node, ast.AsyncFunctionDef):
            yield node.lineno, f"`{node.name}` caches a coroutine, which can be awaited once"
        # Those of a signature, also of `*arguments`, are `ast.arg`.
        for argument in (each for each in ast.walk(node.args) if isinstance(each, ast.arg)):
            if bad := UNHASHABLE.intersection(_outer_names(argument.annotation)):
                kind = min(bad)
                yield argument.lineno, f"`{argument.arg}` of the cached `{node.name}` is a `{kind}`"


def plain_secrets(module: Module) -> Iterator[tuple[int, str]]:
    """Take a secret from the environment as a `SecretStr` setting, and revoke one that leaked."""
    # A commit hook finds the keys of vendors by their forms, in any file.
    for node in module.walk(ast.Assign, ast.AnnAssign, ast.keyword):
        match node:
            case (
                ast.Assign(targets=[target, *_], value=ast.Constant(value=str(text)))
                | ast.AnnAssign(target=target, value=ast.Constant(value=str(text)))
            ):
                name = _last_name(target)
            case ast.keyword(arg=str(name), value=ast.Constant(value=str(text))):
                pass
            case _:
                continue
        if text and SECRET_NAME.fullmatch(name):
            yield node.lineno, f"`{name}` has a literal text"


def _last_name(node: ast.expr | None) -> str:
    """Return `c` of `a.b.c`, `a` of `a`, an empty string otherwise."""
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def _outer_names(annotation: ast.expr | None) -> Iterator[str]:
    """Yield the types of an annotation's union, without their parameters."""
    match annotation:
        case ast.BinOp(left=left, right=right):
            yield from _outer_names(left)
            yield from _outer_names(right)
        case ast.Subscript(value=value):
            yield _last_name(value)
        case _:
            yield _last_name(annotation)
