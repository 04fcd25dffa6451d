"""Values in source, settings, and classes: TYP, CFG."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import Source, last_name, literal, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "bare_attributes",
    "fixed_calls",
    "fixed_values",
    "hidden_code",
    "hidden_imports",
    "readable_secrets",
]

SETTINGS: Final = re.compile(r".*Settings(Group)?")
SECRET: Final = re.compile(
    r"(.*_)?(api_?key|access_?key|secret_?key|secret|password|passphrase|credentials?"
    r"|(auth|access|bearer|refresh)_?token|token)"
)
# Names of values that differ by environment. A number or text for one in source is configuration.
VALUE: Final = re.compile(
    r"_*(.*_)?(timeout|timeout_(seconds|s|ms)|threshold|temperature|max_tokens|model"
    r"|model_name|min_(score|similarity)|(base|api|server)_url|endpoint|host|port)",
    re.IGNORECASE,
)
ADDRESS: Final = re.compile(
    r"(https?|wss?|postgres(ql)?|redis|amqp|mongodb|mysql|grpc|ftp|s3|gs)(\+\w+)?://\w\S*"
    r"|(localhost|(\d{1,3}\.){3}\d{1,3}):\d+"
)
FOLDER: Final = re.compile(r"(/(var|etc|opt|home|srv|usr|mnt|data|root|tmp)/|~/|[A-Z]:\\)\S*")
WAITS: Final = frozenset({"asyncio.timeout", "asyncio.wait_for", "httpx.Timeout", "httpx2.Timeout"})
MODELS: Final = re.compile(
    r"(gpt-|o\d(-|$)|claude-|gemini-|mistral-|llama-?\d|text-embedding-)[\w.:-]*\w"
)


def bare_attributes(source: Source) -> Iterator[tuple[int, str]]:
    """Annotate the attributes of a class that has no base to declare them."""
    for owner in source.walk(ast.ClassDef):
        declared = {*map(last_name, owner.bases)} - {"ABC", "object"}
        for node in owner.body if not declared else ():
            if not isinstance(node, ast.Assign) or last_name(node.value) == "staticmethod":
                continue
            parts = (part for target in node.targets for part in ast.walk(target))
            for name in (part.id for part in parts if isinstance(part, ast.Name)):
                if not name.startswith("__"):
                    yield node.lineno, f"the attribute `{name}` has no annotation"


def hidden_code(source: Source) -> Iterator[tuple[int, str]]:
    """Let the type checker see the code; a stub or a narrow ignore says what it cannot know."""
    for node in source.walk(ast.If, ast.IfExp, ast.While):
        test, inverse = node.test, False
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, inverse = test.operand, True
        if last_name(test) in {"TYPE_CHECKING", "MYPY"} and (inverse or node.orelse):
            yield node.lineno, "the type checker does not see this code"


def fixed_values(source: Source) -> Iterator[tuple[int, str]]:
    """Declare a setting for a model's name, a timeout, a threshold, an address or a folder."""
    if source.path.startswith("src/app/config/") or source.path.endswith("/settings.py"):
        return
    documented = {
        id(node.value) for node in source.walk(ast.Expr) if isinstance(node.value, ast.Constant)
    }
    for node in source.walk(ast.Constant):
        if not isinstance(node.value, str) or id(node) in documented:
            continue
        for kind, pattern in (("address", ADDRESS), ("folder", FOLDER), ("model", MODELS)):
            if pattern.fullmatch(node.value):
                yield node.lineno, f"the {kind} {node.value!r} is fixed in source"
    for node in source.walk(ast.Assign, ast.AnnAssign, ast.keyword, ast.arguments, ast.Dict):
        for name, value, line in _named(node):
            if literal(value) not in {None, ""} and value and VALUE.fullmatch(name):
                yield line, f"`{name}` is fixed in source at {ast.unparse(value)}"


def fixed_calls(source: Source) -> Iterator[tuple[int, str]]:
    """Declare a setting for a time to wait, or for a folder."""
    for call in source.walk(ast.Call):
        name = source.full_name(call.func)
        if name in WAITS and isinstance(literal(call.args[-1] if call.args else None), int | float):
            yield call.lineno, f"the time of `{name}` is fixed in source"
        elif name == "pathlib.Path.home":
            yield call.lineno, "the home folder is fixed in source"


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr | None, int]]:
    """Yield names with the values that they are bound to: variables, keywords, defaults."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((last_name(target), value, node.lineno) for target in targets)
        case ast.AnnAssign(target=target, value=value):
            yield last_name(target), value, node.lineno
        case ast.keyword(arg=str(name), value=value):
            yield name, value, value.lineno
        case ast.Dict(keys=keys, values=values):
            named = zip(keys, values, strict=True)
            for key, value in named:
                # Other keys of a mapping are words about something.
                if (name := str(literal(key))) in {"max_tokens", "temperature", "timeout"}:
                    yield name, value, value.lineno
        case ast.arguments():
            pairs = [
                *zip(
                    reversed([*node.posonlyargs, *node.args]), reversed(node.defaults), strict=False
                ),
                *zip(node.kwonlyargs, node.kw_defaults, strict=True),
            ]
            yield from ((argument.arg, value, argument.lineno) for argument, value in pairs)
        case _:
            pass


def readable_secrets(source: Source) -> Iterator[tuple[int, str]]:
    """Type a secret setting as `SecretStr`, which shows it nowhere."""
    for group in source.walk(ast.ClassDef):
        if not any(SETTINGS.fullmatch(last_name(base)) for base in group.bases):
            continue
        for field in group.body:
            match field:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=kind):
                    if SECRET.fullmatch(name) and {"str", "bytes"} & names_in(kind):
                        yield field.lineno, f"the secret setting `{name}` is plain text"
                case _:
                    pass


def hidden_imports(source: Source) -> Iterator[tuple[int, str]]:
    """Import the module by a statement, which the layers see."""
    for call in source.walk(ast.Call):
        if ast.unparse(call.func) == "__import__":
            yield call.lineno, "`__import__` goes around the layers"
