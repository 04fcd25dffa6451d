"""Settings, pins, metrics and endpoints of a render, read without running its code."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.updating.merging import Merge
    from scripts.updating.repository import Entries

__all__ = ["endpoints_of", "metrics_of", "pins_of", "settings_of"]

_SETTING = re.compile(r"^#? ?([A-Z][A-Z0-9_]+)=", re.MULTILINE)
_PIN = re.compile(r"^([\w.-]+)(?:\[.*?\])?==([\w.!+]+)", re.MULTILINE)
_METRIC = re.compile(r"\bMetricSpec\(\s*\"(\w+)\"")
_METHODS = {"delete", "get", "patch", "post", "put"}


def pins_of(merged: Merge, entries: Entries) -> dict[str, str]:
    """Return the version of each package that the template pins."""
    layers = sorted(p for p in entries if re.fullmatch(r"requirements/(base|dev|docs)\.txt", p))
    return dict(_PIN.findall("".join(merged.text(entries, path) for path in layers)))


def settings_of(merged: Merge, entries: Entries) -> set[str]:
    """Return the names of the settings."""
    return set(_SETTING.findall(merged.text(entries, ".env.example")))


def metrics_of(merged: Merge, entries: Entries) -> set[str]:
    """Return the names of the metrics."""
    return {name for text in _modules(merged, entries, "metric") for name in _METRIC.findall(text)}


def endpoints_of(merged: Merge, entries: Entries) -> set[str]:
    """Return the method and path of each route, as in `POST /v1/answer`."""
    modules = _modules(merged, entries, "/routes/")
    return {endpoint for text in modules for endpoint in _endpoints(text)}


def _modules(merged: Merge, entries: Entries, part: str) -> Iterator[str]:
    for path in entries:
        if path.startswith("src/") and path.endswith(".py") and part in path:
            yield merged.text(entries, path)


def _endpoints(source: str) -> Iterator[str]:
    """Yield the routes that decorators of a module declare."""
    try:
        module = ast.parse(source)
    except SyntaxError:
        return
    constants = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }

    def text(node: ast.expr | None) -> str:
        value = node.value if isinstance(node, ast.Constant) else ""
        return str(constants.get(node.id, "") if isinstance(node, ast.Name) else value)

    prefixes = {
        target.id: next((text(each.value) for each in call.keywords if each.arg == "prefix"), "")
        for node in module.body
        if isinstance(node, ast.Assign)
        for call in [node.value]
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "APIRouter"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in module.body:
        decorators = getattr(node, "decorator_list", [])
        for call in (each for each in decorators if isinstance(each, ast.Call)):
            router, _, method = ast.unparse(call.func).partition(".")
            if router in prefixes and method in _METHODS:
                path = text(call.args[0]) if call.args else ""
                yield f"{method.upper()} {prefixes[router]}{path}"
