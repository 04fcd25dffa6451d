"""Rules about the shape of a module: its imports, its names, its length."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scripts.standards.project import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.standards.project import Module

__all__ = [
    "catch_all_names",
    "future_import",
    "listed_names",
    "mocks_in_unit_tests",
    "module_length",
    "private_interfaces",
    "public_names",
]

CATCH_ALL = frozenset(
    {"base", "common", "core", "helper", "helpers", "lib", "manager", "managers", "misc"}
    | {"miscellaneous", "shared", "stuff", "util", "utilities", "utils"}
)
COMPOUND = frozenset({"helper", "helpers", "misc", "util", "utilities", "utils"})
LONGEST = 300
DOCUMENTED = frozenset({"os._exit", "sys._getframe"})
OURS = frozenset({"", "app", "fixtures", "gwkit", "scripts", "tests"})
TYPE_PARAMETERS = frozenset({"ParamSpec", "TypeVar", "TypeVarTuple"})


def future_import(module: Module) -> Iterator[tuple[int, str]]:
    """Open the module with `from __future__ import annotations`, right after its docstring."""
    if not any(name == "__future__.annotations" for _, name, _ in module.imports):
        yield WHOLE, "the module does not open with the future import"


def public_names(module: Module) -> Iterator[tuple[int, str]]:
    """Keep `__all__` equal to the public names that the module defines."""
    listed: set[str] | None = None
    line = WHOLE
    for node in module.walk(ast.Assign, ast.AnnAssign):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=given)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=given)
            ) if isinstance(given, (ast.List, ast.Tuple)):
                listed = {str(item.value) for item in given.elts if isinstance(item, ast.Constant)}
                line = node.lineno
    if listed is None:
        yield WHOLE, "the module has no `__all__`, or it is not a plain list"
        return
    imported = {bound for _, _, bound in module.imports}  # also with a fallback if that fails
    # Packages re-export their imports, and so does the module of the kit's errors.
    is_face = module.path.endswith(("__init__.py", "app/exceptions.py"))
    defined = {name for name in _defined(module.tree) if not name.startswith("_")} - imported
    for name in sorted(defined - listed):
        yield line, f"`{name}` is public and not in `__all__`"
    for name in sorted(listed - defined - (imported if is_face else set())):
        yield line, f"`__all__` has `{name}`, which the module does not define"


def _defined(node: ast.AST) -> Iterator[str]:
    """Yield the names that a module defines, without those of inner scopes."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Name(id=name, ctx=ast.Store()):
            yield name
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            pass
        case ast.Assign(value=ast.Call(func=ast.Name(id=maker))) if maker in TYPE_PARAMETERS:
            pass  # they belong to signatures, and are not imported
        case ast.If() if "__name__" in ast.unparse(node.test):
            pass
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _defined(child)


def listed_names(module: Module) -> Iterator[tuple[int, str]]:
    """List in `__all__` what other modules may import."""
    if "\n__all__" not in module.text:
        yield WHOLE, "the module has no `__all__`"


def catch_all_names(module: Module) -> Iterator[tuple[int, str]]:
    """Name a module after its content; a catch-all module only grows."""
    path = PurePosixPath(module.path.removeprefix("src/app/utils/"))
    for part in (*path.parts[:-1], path.stem):
        name = part.strip("_0123456789")
        if name in CATCH_ALL or COMPOUND.intersection(name.split("_")):
            yield WHOLE, f"`{part}` does not describe the content"


def module_length(module: Module) -> Iterator[tuple[int, str]]:
    """Split the module by topic; most modules have 50 to 250 lines."""
    length = len(module.text.splitlines())
    if length > LONGEST:
        yield WHOLE, f"the module has {length} lines, more than {LONGEST}"


def mocks_in_unit_tests(module: Module) -> Iterator[tuple[int, str]]:
    """Test pure functions without mocks; for side effects write a fake in tests/fixtures."""
    for line, name, _ in module.imports:
        if name.removeprefix("unittest.").split(".")[0] in {"mock", "pytest_mock"}:
            yield line, f"`{name.removesuffix('.*')}` is imported by a unit test"
    for node in module.walk(ast.arg):
        if node.arg == "mocker":
            yield node.lineno, "the `mocker` fixture is used by a unit test"


def private_interfaces(module: Module) -> Iterator[tuple[int, str]]:
    """Use documented names: any release may remove a name with a leading underscore."""
    libraries: set[str] = set()
    for line, name, bound in module.imports:
        parts = name.split(".")
        if parts[0] not in OURS:
            libraries.add(bound)
            if any(map(_private, parts)):
                yield line, f"`{name}` is private to its library"
    for node in module.walk(ast.Attribute):
        name = ast.unparse(node)
        known = name in DOCUMENTED or name.partition(".")[0] not in libraries
        if _private(node.attr) and not known:
            yield node.lineno, f"`{name}` is private to its library"


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
