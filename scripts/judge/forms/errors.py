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
    "foreign_errors",
    "general_suppression",
    "hidden_causes",
    "mutable_arguments",
    "racing_singletons",
    "unhashable_classes",
]

BUILTIN_ERRORS: Final = frozenset(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException)
)
OPERATING_SYSTEM: Final = frozenset(
    name for name in BUILTIN_ERRORS if issubclass(getattr(builtins, name), OSError)
) | {"HTTPException"}
DOMAIN: Final = re.compile(r"src/app/(utils|config|ingestion|retrieval|graph|evaluation)/.*")
CACHES: Final = frozenset({"cache", "lru_cache"})
MODELS: Final = frozenset({"BaseModel", "Strict", "WireModel"})


def foreign_errors(source: Source) -> Iterator[tuple[int, str]]:
    """Derive an error from `AppError` or one below it, and raise such in domain code."""
    for node in source.walk(ast.ClassDef):
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in BUILTIN_ERRORS and len(node.bases) == 1:
                yield node.lineno, f"the error `{node.name}` is outside the tree of errors"
    for node in source.walk(ast.Raise):
        name = last_name(node.exc)
        if name in OPERATING_SYSTEM and DOMAIN.fullmatch(source.path):
            yield node.lineno, f"domain code raises `{name}`"


def general_suppression(source: Source) -> Iterator[tuple[int, str]]:
    """Suppress the most specific class."""
    for node in source.walk(ast.Call):
        general = {"Exception", "BaseException"}.intersection(map(last_name, node.args))
        if last_name(node.func) == "suppress" and general:
            yield node.lineno, f"`{min(general)}` is suppressed"


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
        if not CACHES.intersection(map(last_name, node.decorator_list)):
            continue
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
            if bad := unhashable & names_in(argument.annotation):
                yield (
                    argument.lineno,
                    f"`{argument.arg}` of the cached `{node.name}` is a `{min(bad)}`",
                )


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


def racing_singletons(source: Source) -> Iterator[tuple[int, str]]:
    """Make an async singleton with `AsyncOnce`, or check again under an `asyncio.Lock`."""
    for function in source.walk(ast.AsyncFunctionDef):
        guarded = {
            id(inner)
            for block in ast.walk(function)
            if isinstance(block, ast.AsyncWith)
            for inner in ast.walk(block)
        }
        kept = {
            name
            for each in ast.walk(function)
            if isinstance(each, ast.Global | ast.Nonlocal)
            for name in each.names
        }
        for node in ast.walk(function):
            if not isinstance(node, ast.If) or id(node) in guarded:
                continue
            target = _missing(node.test)
            if target.isidentifier() and target not in kept:
                continue  # of this call only
            for inner in (each for part in node.body for each in ast.walk(part)):
                match inner:
                    case (
                        ast.Assign(targets=[to], value=value)
                        | ast.AnnAssign(target=to, value=ast.expr() as value)
                    ):
                        waits = any(isinstance(each, ast.Await) for each in ast.walk(value))
                        if waits and target == ast.unparse(to) and id(inner) not in guarded:
                            yield inner.lineno, f"two callers may both make `{target}`"
                    case _:
                        pass


def _missing(test: ast.expr) -> str:
    """Return `x` of the conditions `x is None`, `not x` and `x not in y`, as `y[x]`."""
    match test:
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            found = ast.unparse(left)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            found = ast.unparse(operand)
        case ast.Compare(left=left, ops=[ast.NotIn()], comparators=[container]):
            found = f"{ast.unparse(container)}[{ast.unparse(left)}]"
        case _:
            found = ""
    return found
