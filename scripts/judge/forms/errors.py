"""Raising, suppressing and caching: ERR, CCH."""

from __future__ import annotations

import ast
import builtins
import re
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import FUNCTIONS, Source, last_name, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "cached_calls",
    "foreign_errors",
    "general_suppression",
    "hidden_causes",
    "mutable_arguments",
    "open_files",
    "swallowing_exits",
    "unhashable_classes",
]

BUILTIN_ERRORS: Final = frozenset(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
)
# Of the operating system, of the process, and of HTTP.
FOREIGN: Final = frozenset(
    name for name in BUILTIN_ERRORS if issubclass(getattr(builtins, name), OSError | SystemExit)
) | {"HTTPException"}
DOMAIN: Final = re.compile(r"src/app/(utils|config|ingestion|retrieval|graph|evaluation)/.*")
CACHES: Final = frozenset({"functools.cache", "functools.lru_cache"})
READS: Final = frozenset({"read", "readline", "readlines", "write", "writelines"})
READERS: Final = frozenset({"DictReader", "load", "reader", "safe_load"})
MODELS: Final = frozenset({"BaseModel", "Strict", "WireModel"})


def foreign_errors(source: Source) -> Iterator[tuple[int, str]]:
    """Derive an error from `AppError` or one below it, and raise such in domain code."""
    for node in source.walk(ast.ClassDef):
        names = {*map(ast.unparse, node.bases)}
        if names and names <= BUILTIN_ERRORS:
            yield node.lineno, f"the error `{node.name}` is outside the tree of errors"
    for node in source.walk(ast.Raise) if DOMAIN.fullmatch(source.path) else ():
        if (name := last_name(node.exc)) in FOREIGN:
            yield node.lineno, f"domain code raises `{name}`"
    for node in source.walk(ast.Call) if DOMAIN.fullmatch(source.path) else ():
        if source.full_name(node.func) in {"sys.exit", "os._exit", "exit", "quit"}:
            yield node.lineno, "domain code ends the process"


def general_suppression(source: Source) -> Iterator[tuple[int, str]]:
    """Suppress the most specific class."""
    for node in source.walk(ast.Call):
        general = {"Exception", "BaseException"}.intersection(map(last_name, node.args))
        if source.full_name(node.func).endswith("suppress") and general:
            yield node.lineno, f"`{min(general)}` is suppressed"


def swallowing_exits(source: Source) -> Iterator[tuple[int, str]]:
    """Return whether the error is one that the context handles: `isinstance(value, …)`."""
    for function in source.walk(*FUNCTIONS):
        for node in ast.walk(function) if function.name in {"__exit__", "__aexit__"} else ():
            if isinstance(node, ast.Return) and ast.unparse(node) == "return True":
                yield node.lineno, f"`{function.name}` swallows every error"


def open_files(source: Source) -> Iterator[tuple[int, str]]:
    """Open a file in a `with` block, or read it by `Path.read_text`."""
    for call in source.walk(ast.Call):
        name, opened = last_name(call.func), call.args[0] if call.args else None
        if name in READS and isinstance(call.func, ast.Attribute):
            opened = call.func.value
        elif name not in READERS:
            continue
        if isinstance(opened, ast.Call) and last_name(opened.func) == "open":
            yield call.lineno, "nothing closes the file"


def hidden_causes(source: Source) -> Iterator[tuple[int, str]]:
    """Keep the cause, `from exc`; a comment says why `from None` hides it."""
    for node in source.walk(ast.Raise):
        if isinstance(node.cause, ast.Constant) and node.cause.value is None:
            first, last = node.lineno - 1, node.end_lineno or node.lineno
            near = source.lines[max(first - 1, 0) : last]
            if not any(re.search(r"#.*\w+ \w+", line) for line in near):
                yield node.lineno, "`from None` hides the cause, and no comment says why"


def mutable_arguments(source: Source, unhashable: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Cache by hashable arguments; a dataclass or model has to be frozen.

    Args:
        source: The module.
        unhashable: The names of the service's classes whose objects have no hash.
    """
    for node in source.walk(*FUNCTIONS):
        if not any(source.full_name(_called(each)) in CACHES for each in node.decorator_list):
            continue
        for argument in (each for each in ast.walk(node.args) if isinstance(each, ast.arg)):
            if bad := unhashable & names_in(argument.annotation):
                yield (
                    argument.lineno,
                    f"`{argument.arg}` of the cached `{node.name}` is a `{min(bad)}`",
                )


def cached_calls(source: Source) -> Iterator[tuple[int, str]]:
    """Cache by the decorator, where the types of the arguments stand."""
    decorators = {
        id(part)
        for node in source.walk(*FUNCTIONS)
        for each in node.decorator_list
        for part in ast.walk(each)
    }
    for call in source.walk(ast.Call):
        if id(call) not in decorators and source.full_name(call.func) in CACHES:
            yield call.lineno, "a function is cached by a call"


def _called(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def unhashable_classes(source: Source) -> Iterator[str]:
    """Yield the classes of a module that compare by value and can change."""
    for node in source.walk(ast.ClassDef):
        frozen = "frozen=True" in ast.unparse(node)
        hashed = any(isinstance(n, FUNCTIONS) and n.name == "__hash__" for n in node.body)
        made = {*map(last_name, node.decorator_list)} & {"dataclass", "define"}
        compares = "eq=False" not in "".join(map(ast.unparse, node.decorator_list))
        if hashed or frozen:
            continue
        if (made and compares) or last_name(node.bases[0] if node.bases else None) == "BaseModel":
            yield node.name
