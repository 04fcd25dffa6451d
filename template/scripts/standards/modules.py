"""Rules about the shape of a module: its imports, its names, its length."""

from __future__ import annotations

import ast
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scripts.standards.project import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scripts.standards.project import Module

__all__ = [
    "catch_all_names",
    "environment_reads",
    "future_import",
    "mocks_in_unit_tests",
    "module_length",
    "private_interfaces",
    "public_names",
]

CATCH_ALL = frozenset({"common", "helper", "helpers", "misc", "miscellaneous", "shared", "stuff"})
LONGEST = 300
DOCUMENTED = frozenset({"os._exit", "sys._getframe"})
OURS = frozenset({"app", "fixtures", "gwkit", "scripts", "tests"})
TYPE_PARAMETERS = frozenset({"ParamSpec", "TypeVar", "TypeVarTuple"})


def future_import(module: Module) -> Iterator[tuple[int, str]]:
    """Open the module with `from __future__ import annotations`, right after its docstring."""
    body = module.tree.body
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    match body:
        case [ast.ImportFrom(module="__future__", names=names), *_] if any(
            name.name == "annotations" for name in names
        ):
            return
    yield WHOLE, "the module does not open with the future import"


def public_names(module: Module) -> Iterator[tuple[int, str]]:
    """Keep `__all__` equal to the public names that the module defines."""
    listed, line = _listed(module.tree)
    if listed is None:
        yield WHOLE, "the module has no `__all__`, or not as a plain list"
        return
    imported = _imported(module)  # also with a stand-in where the import fails
    defined = set(_defined(module.tree.body)) - imported
    # A package offers what it imports, and so does the module that shows the kit's errors.
    is_face = module.path.endswith(("__init__.py", "app/exceptions.py"))
    offered = defined | (imported if is_face else set())
    for name in sorted(defined - set(listed)):
        yield line, f"`{name}` is public and not in `__all__`"
    for name in sorted(set(listed) - offered):
        yield line, f"`__all__` has `{name}`, which the module does not define"


def _listed(tree: ast.Module) -> tuple[list[str] | None, int]:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=items))
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.List(elts=items))
            ):
                names = [item.value for item in items if isinstance(item, ast.Constant)]
                return [name for name in names if isinstance(name, str)], node.lineno
            case _:
                pass
    return None, WHOLE


def _defined(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the public names that these statements bind, imports aside."""
    for node in body:
        names: list[str] = []
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names = [node.name]
            case ast.Assign(value=ast.Call(func=ast.Name(id=maker))) if maker in TYPE_PARAMETERS:
                pass  # notation of this module's signatures, nothing to import
            case ast.Assign():
                found = (item for target in node.targets for item in ast.walk(target))
                names = [item.id for item in found if isinstance(item, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case ast.If() if not _main_guard(node):
                names = [*_defined(node.body), *_defined(node.orelse)]
            case ast.Try():
                blocks = [node.body, node.orelse, *(handler.body for handler in node.handlers)]
                names = [name for block in blocks for name in _defined(block)]
            case _:
                pass
        yield from (name for name in names if not name.startswith("_"))


def _main_guard(node: ast.If) -> bool:
    return "__name__" in ast.unparse(node.test)


def _imported(module: Module) -> set[str]:
    aliases = [alias for node in module.walk(ast.Import, ast.ImportFrom) for alias in node.names]
    return {alias.asname or alias.name for alias in aliases}


def catch_all_names(module: Module) -> Iterator[tuple[int, str]]:
    """Name a module after what it holds; a drawer for odds and ends grows for ever."""
    path = PurePosixPath(module.path)
    for part in (*path.parts[:-1], path.stem):
        if part.strip("_") in CATCH_ALL:
            yield WHOLE, f"`{part}` says nothing about what is inside"


def module_length(module: Module) -> Iterator[tuple[int, str]]:
    """Split the module by what its parts are about; most have 50 to 250 lines."""
    length = len(module.text.splitlines())
    if length > LONGEST:
        yield WHOLE, f"the module has {length} lines, more than {LONGEST}"


def environment_reads(module: Module) -> Iterator[tuple[int, str]]:
    """Declare a setting in `app.config.settings` and pass it on; only the kit reads these."""
    if module.path.startswith("src/gwkit/"):
        return
    readers = {"environ", "environb", "getenv", "getenvb", "putenv"}
    for node in module.walk(ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in readers:
            yield node.lineno, f"`os.{node.attr}` outside the kit"
    for node in module.walk(ast.ImportFrom):
        names = [alias.name for alias in node.names if alias.name in readers]
        if node.module == "os" and names:
            yield node.lineno, f"`{names[0]}` imported outside the kit"


def mocks_in_unit_tests(module: Module) -> Iterator[tuple[int, str]]:
    """Test pure functions as they are; for what has effects write a fake in tests/fixtures."""
    for node in module.walk(ast.Import, ast.ImportFrom):
        start = [f"{node.module}."] if isinstance(node, ast.ImportFrom) else [""]
        for name in (f"{prefix}{alias.name}" for prefix in start for alias in node.names):
            if name.startswith(("unittest.mock", "mock.", "pytest_mock")) or name == "mock":
                yield node.lineno, f"`{name.removesuffix('.*')}` is imported by a unit test"
    for node in module.walk(ast.arg):
        if node.arg == "mocker":
            yield node.lineno, "the `mocker` fixture is used by a unit test"


def private_interfaces(module: Module) -> Iterator[tuple[int, str]]:
    """Use what the library documents: a name with a leading underscore may go with any release."""
    libraries: set[str] = set()
    for node in module.walk(ast.Import, ast.ImportFrom):
        if isinstance(node, ast.ImportFrom) and node.level:
            continue
        start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
        for alias in node.names:
            top, *inner = f"{start}{alias.name}".split(".")
            if top in OURS:
                continue
            libraries.add(alias.asname or (alias.name if start else top))
            if any(map(_private, (top, *inner))):
                yield node.lineno, f"`{start}{alias.name}` is private to its library"
    for node in module.walk(ast.Attribute):
        name = ast.unparse(node)
        known = name in DOCUMENTED or name.partition(".")[0] not in libraries
        if _private(node.attr) and not known:
            yield node.lineno, f"`{name}` is private to its library"


def _private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
