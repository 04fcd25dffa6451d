"""Blocking calls and requests: ASY, VAL."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import FUNCTIONS, Function, Source, last_name, names_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["asked_models", "blocking_calls", "unchecked_bodies", "unlimited_models"]

BLOCKING: Final = re.compile(
    r"time\.sleep|sqlite3\.connect|open|io\.open|subprocess\.(run|call|check_\w+|Popen)|os\.system"
    r"|(requests|httpx)\.(get|post|put|patch|delete|head|request)|urllib\.request\.urlopen"
    r"|socket\.create_connection|asyncio\.run|httpx2?\.Client|psycopg\.connect"
)
FILES: Final = frozenset({"read_bytes", "read_text", "write_bytes", "write_text"})
# What ruff does not find.
DIRECT: Final = frozenset(
    {"asyncio.run", "httpx.Client", "httpx2.Client", "psycopg.connect", "sqlite3.connect"}
)
WRITES: Final = frozenset({"api_route", "post", "put", "patch", "delete"})
BODIES: Final = frozenset({"Any", "Dict", "Mapping", "MutableMapping", "dict", "list", "object"})
UNREAD: Final = frozenset({"body", "form", "json", "stream"})
MODELS: Final = frozenset({"BaseModel", "Strict"})
OPEN: Final = re.compile(r"extra\s*=\s*['\"](allow|ignore)")
CLOSED: Final = re.compile(r"extra\s*=\s*['\"]forbid")
BOUNDS: Final = re.compile(r"max_length|pattern|Literal|StringConstraints")


def blocking_calls(source: Source) -> Iterator[tuple[int, str]]:
    """Await an async client, or hand the function to `asyncio.to_thread`."""
    plain = {
        function.name: name
        for function in source.walk(ast.FunctionDef)
        for call in _calls(function)
        if BLOCKING.fullmatch(name := source.full_name(call.func)) or last_name(call.func) in FILES
    }
    plain |= {
        last_name(node.targets[0]): name
        for node in source.walk(ast.Assign)
        if BLOCKING.fullmatch(name := source.full_name(node.value))
    }
    for function in source.walk(ast.AsyncFunctionDef):
        for call in _calls(function):
            name = source.full_name(call.func)
            if name in DIRECT:
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
    added = {
        last_name(call.args[1])
        for call in source.walk(ast.Call)
        if last_name(call.func) == "add_api_route" and len(call.args) > 1
    }
    for function in source.walk(*FUNCTIONS):
        calls = [each for each in function.decorator_list if isinstance(each, ast.Call)]
        if function.name in added or WRITES.intersection(map(last_name, calls)):
            yield function


def _arguments(function: Function) -> Iterator[ast.arg]:
    return (node for node in ast.walk(function.args) if isinstance(node, ast.arg))


def _kind(annotation: ast.expr | None) -> ast.expr | None:
    """Return the type of an annotation, without `Annotated` around it."""
    match annotation:
        case ast.Subscript(value=value, slice=ast.Tuple(elts=[kind, *_])) if (
            last_name(value) == "Annotated"
        ):
            return kind
        case _:
            return annotation


def unchecked_bodies(source: Source) -> Iterator[tuple[int, str]]:
    """Take the body of a request as a model that refuses unknown fields."""
    for function in _routes(source):
        for argument in _arguments(function):
            kind = _kind(argument.annotation)
            told = ast.unparse(argument.annotation) if argument.annotation else ""
            if last_name(kind.value if isinstance(kind, ast.Subscript) else kind) in BODIES:
                yield argument.lineno, f"`{argument.arg}` of a route takes anything"
            elif re.search(r"\b(Body|Form)\(", told) and _unlimited(kind, told):
                yield argument.lineno, f"`{argument.arg}` of a route has no largest length"
        requests = {a.arg for a in _arguments(function) if "Request" in names_in(a.annotation)}
        for call in _calls(function):
            match call.func:
                case ast.Attribute(value=ast.Name(id=name), attr=how) if how in UNREAD:
                    if name in requests:
                        yield call.lineno, f"`{name}.{how}()` is not validated"
                case _:
                    pass


def _unlimited(kind: ast.expr | None, told: str) -> bool:
    return bool({"bytes", "dict", "list", "str"} & names_in(kind)) and not BOUNDS.search(told)


def asked_models(sources: Iterable[Source]) -> frozenset[str]:
    """Return the names in the signatures of routes, and in the fields of the models among them."""
    asked, fields = set[str](), dict[str, set[str]]()
    for source in sources:
        for function in _routes(source):
            bodies = (each.annotation for each in _arguments(function) if each.annotation)
            # The body limit bounds the fields of a form.
            asked.update(*(names_in(each) for each in bodies if "Form(" not in ast.unparse(each)))
        for model in source.walk(ast.ClassDef):
            inner = (names_in(n.annotation) for n in model.body if isinstance(n, ast.AnnAssign))
            fields.setdefault(model.name, set()).update(*inner)
    while more := {name for known in asked for name in fields.get(known, ())} - asked:
        asked |= more
    return frozenset(asked)


def unlimited_models(source: Source, asked: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Bound each text and list of a request, and derive its model from `Strict`.

    Args:
        source: The module.
        asked: The models of requests.
    """
    for model in source.walk(ast.ClassDef):
        base = last_name(model.bases[0] if model.bases else None)
        if model.name not in asked or base not in MODELS:
            continue
        if (base == "BaseModel" or OPEN.search(ast.unparse(model))) and not CLOSED.search(
            ast.unparse(model)
        ):
            yield model.lineno, f"`{model.name}` accepts unknown fields"
        for field in model.body:
            match field:
                case ast.AnnAssign(target=target, annotation=kind):
                    if _unlimited(kind, ast.unparse(field)):
                        name = f"{model.name}.{ast.unparse(target)}"
                        yield field.lineno, f"`{name}` has no largest length"
                case _:
                    pass
