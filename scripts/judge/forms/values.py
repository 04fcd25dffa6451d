"""Values in source, settings, and classes: TYP, CFG."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from scripts.judge.forms.source import Source, last_name, literal, names_in

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bare_attributes", "fixed_values", "readable_secrets"]

SETTINGS: Final = re.compile(r".*Settings(Group)?")
SECRET: Final = re.compile(
    r"(.*_)?(api_?key|access_?key|secret_?key|secret|password|passphrase|credentials?"
    r"|(auth|access|bearer|refresh)_?token|token)"
)
# Names of values that differ by environment. A number or text for one in source is configuration.
VALUE: Final = re.compile(
    r"_*(.*_)?(timeout|timeout_seconds|threshold|temperature|max_tokens|model|model_name"
    r"|(base|api|server)_url|endpoint|host|port)",
    re.IGNORECASE,
)
ADDRESS: Final = re.compile(r"(https?|wss?|postgres(ql)?|redis|amqp)://\w\S*")
FOLDER: Final = re.compile(r"(/(var|etc|opt|home|srv|usr|mnt|data|root|tmp)/|~/|[A-Z]:\\)\S*")
MODELS: Final = re.compile(
    r"(gpt-|o\d(-|$)|claude-|gemini-|mistral-|llama-?\d|text-embedding-)[\w.:-]*\w"
)


def bare_attributes(source: Source) -> Iterator[tuple[int, str]]:
    """Annotate the attributes of a class that has no base to declare them."""
    for owner in source.walk(ast.ClassDef):
        for node in owner.body if not owner.bases else ():
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if not name.startswith("__") and last_name(value) != "staticmethod":
                        yield node.lineno, f"the attribute `{name}` has no annotation"
                case _:
                    pass


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
    for node in source.walk(ast.Assign, ast.AnnAssign, ast.keyword, ast.arguments):
        for name, value, line in _named(node):
            known = literal(value)
            if known not in {None, ""} and VALUE.fullmatch(name):
                yield line, f"`{name}` is fixed in source at {known!r}"


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr | None, int]]:
    """Yield names with the values that they are bound to: variables, keywords, defaults."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((last_name(target), value, node.lineno) for target in targets)
        case ast.AnnAssign(target=target, value=value):
            yield last_name(target), value, node.lineno
        case ast.keyword(arg=str(name), value=value):
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
