"""Blocking calls and requests: ASY, VAL."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import FUNCTIONS, Function, Source, last_name, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["blocking_calls", "unchecked_bodies", "unlimited_models"]

BLOCKING: Final = re.compile(
    r"time\.sleep|sqlite3\.connect|open|io\.open|subprocess\.(run|call|check_\w+|Popen)|os\.system"
    r"|(requests|httpx)\.(get|post|put|patch|delete|head|request)|urllib\.request\.urlopen"
    r"|socket\.create_connection"
)
WRITES: Final = frozenset({"post", "put", "patch", "delete"})
BODIES: Final = frozenset({"dict", "Dict", "Any", "object", "Mapping", "MutableMapping"})
BOUNDS: Final = re.compile(r"max_length|pattern|Literal|StringConstraints")


def blocking_calls(source: Source) -> Iterator[tuple[int, str]]:
    """Await an async client, or hand the function to `asyncio.to_thread`."""
    plain = {
        function.name: name
        for function in source.walk(ast.FunctionDef)
        for call in _calls(function)
        if BLOCKING.fullmatch(name := source.full_name(call.func))
    }
    for function in source.walk(ast.AsyncFunctionDef):
        for call in _calls(function):
            name = source.full_name(call.func)
            if name == "sqlite3.connect":
                yield call.lineno, f"`{name}` blocks the event loop"
            elif name.removeprefix("self.") in plain:
                blocked = plain[name.removeprefix("self.")]
                yield call.lineno, f"`{name}` calls `{blocked}`, which blocks the event loop"


def _calls(function: Function) -> Iterator[ast.Call]:
    """Yield the calls that run when the function does, without those of functions in it."""
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call):
            yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def _routes(source: Source) -> Iterator[Function]:
    for function in source.walk(*FUNCTIONS):
        for each in function.decorator_list:
            if isinstance(each, ast.Call) and last_name(each) in WRITES:
                yield function


def unchecked_bodies(source: Source) -> Iterator[tuple[int, str]]:
    """Take the body of a request as a model that refuses unknown fields."""
    for function in _routes(source):
        for argument in (*function.args.args, *function.args.kwonlyargs):
            outer = argument.annotation
            if last_name(outer.value if isinstance(outer, ast.Subscript) else outer) in BODIES:
                yield argument.lineno, f"`{argument.arg}` of a route takes anything"
        for call in _calls(function):
            match call.func:
                case ast.Attribute(value=ast.Name(id=name), attr="json" | "body" as how):
                    if any(
                        a.arg == name and "Request" in names_in(a.annotation)
                        for a in function.args.args
                    ):
                        yield call.lineno, f"`{name}.{how}()` is not validated"
                case _:
                    pass


def unlimited_models(source: Source) -> Iterator[tuple[int, str]]:
    """Bound each text and list of a request, and derive its model from `Strict`."""
    asked = {
        name
        for function in _routes(source)
        for argument in (*function.args.args, *function.args.kwonlyargs)
        for name in names_in(argument.annotation)
    }
    for model in source.walk(ast.ClassDef):
        if model.name not in asked:
            continue
        if last_name(model.bases[0] if model.bases else None) == "BaseModel" and not re.search(
            r"extra\s*=\s*['\"]forbid", ast.unparse(model)
        ):
            yield model.lineno, f"`{model.name}` accepts unknown fields"
        for field in model.body:
            match field:
                case ast.AnnAssign(target=target, annotation=kind):
                    wide = {"str", "list", "dict"} & names_in(kind)
                    if wide and not BOUNDS.search(ast.unparse(field)):
                        name = f"{model.name}.{ast.unparse(target)}"
                        yield field.lineno, f"`{name}` has no largest length"
                case _:
                    pass
