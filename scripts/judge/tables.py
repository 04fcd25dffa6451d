"""The tables of tools in pyproject.toml: what may differ from the release, and what weakens it.

The list of free changes is closed: whatever it does not name needs an exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from scripts.judge.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.judge.checkout import Checkout

__all__ = ["Change", "changes", "weakened_tables"]

PYPROJECT: Final = "pyproject.toml"
REQUESTED: Final = "requirements/app.in"
OURS: Final = frozenset({"app", "fixtures", "gwkit", "kit", "scripts", "tests"})
# What an override may say about packages of others.
THIRD_PARTY: Final = frozenset({"module", "ignore_missing_imports", "follow_untyped_imports"})
STRICTER: Final = re.compile(r"(warn|disallow|strict|extra_checks|check_untyped|no_implicit)\w*")
# Lists of a contract that hold for more when they are longer.
WIDER: Final = frozenset({"ancestors", "containers", "forbidden_modules", "source_modules"})
QUIET: Final = re.compile(r"-v+|-q+|-l|-ra?[A-Za-z]*|--(durations|tb|verbosity|color|maxfail)\b.*")
# message, category and module: `ignore:old name:DeprecationWarning:somelibrary`
NARROW_WARNING: Final = re.compile(r"ignore:[^:]*:[\w.]+:(?P<module>[\w.]+)")


@dataclass(frozen=True)
class Change:
    """A value that was added (`+`), removed (`-`) or changed (`~`) at a place in nested tables."""

    at: tuple[str, ...]
    kind: str
    value: Any
    before: Any = None

    @property
    def key(self) -> str:
        """The place, with the item of a list."""
        place = ".".join(self.at)
        return f"{place}: {self.value}" if isinstance(self.value, str | int | float) else place

    def __str__(self) -> str:
        """Say what happened to the value."""
        if self.kind == "~":
            return f"`{self.at[-1]}`: {self.before!r} became {self.value!r}"
        return f"`{self.at[-1]}`: {self.value!r} was {'added' if self.kind == '+' else 'removed'}"


def changes(before: Any, after: Any, at: tuple[str, ...] = ()) -> Iterator[Change]:  # noqa: ANN401 - any TOML or YAML value
    """Yield each difference of two values: tables key by key, lists item by item."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            old, new = before.get(name), after.get(name)
            if isinstance(new, dict | list) and name not in before:
                old = type(new)()
            elif isinstance(old, dict | list) and name not in after:
                new = type(old)()
            elif name not in before:
                yield Change((*at, str(name)), "+", new)
                continue
            elif name not in after:
                yield Change((*at, str(name)), "-", old)
                continue
            yield from changes(old, new, (*at, str(name)))
    elif isinstance(before, list) and isinstance(after, list):
        yield from (Change(at, "-", item) for item in before if item not in after)
        yield from (Change(at, "+", item) for item in after if item not in before)
    elif before != after or type(before) is not type(after):
        yield Change(at, "~", after, before)


def _any(_change: Change, _service: Checkout) -> bool:
    return True


def _on(change: Change, _service: Checkout) -> bool:
    return change.value is True


def _higher(change: Change, _service: Checkout) -> bool:
    numbers = isinstance(change.value, int | float) and not isinstance(change.value, bool)
    return numbers and bool(change.value >= change.before)


def _current(change: Change, _service: Checkout) -> bool:
    # For an older Python, ruff leaves some rules out.
    return change.kind == "-" or re.fullmatch(r"py3(1[1-9]|[2-9]\d)", str(change.value)) is not None


def _under_tests(change: Change, _service: Checkout) -> bool:
    return re.fullmatch(r"tests/[^{}]*", change.at[3]) is not None and ".." not in change.at[3]


def _own_module(change: Change, service: Checkout) -> bool:
    """Whether the name is a package or module of the service, which hides no library."""
    name = str(change.value)
    return any(
        path.startswith((f"{folder}{name}/", f"{folder}{name}.py"))
        for path in service.paths
        for folder in ("", "src/", "tests/")
    )


def _library(change: Change, service: Checkout) -> bool:
    parts = str(change.value).split(".")
    own = parts[0] in OURS or _own_module(replace(change, value=parts[0]), service)
    return all(map(str.isidentifier, parts)) and not own


def _own_package(change: Change, service: Checkout) -> bool:
    """Whether the map is about a package that the team asked for."""
    return (
        re.search(
            rf"^{re.escape(change.at[2])}\b", service.text(REQUESTED), re.MULTILINE | re.IGNORECASE
        )
        is not None
    )


def _quiet(change: Change, _service: Checkout) -> bool:
    return QUIET.fullmatch(str(change.value)) is not None


def _of_a_library(change: Change, _service: Checkout) -> bool:
    match = NARROW_WARNING.fullmatch(str(change.value))
    return match is not None and match["module"].split(".")[0] not in OURS


def _stricter(change: Change, _service: Checkout) -> bool:
    return change.value is True and STRICTER.fullmatch(change.at[-1]) is not None


# Where, which kinds of change, and a condition. `*` stands for one name.
FREE: Final[tuple[tuple[str, str, Callable[[Change, Checkout], bool]], ...]] = (
    ("ruff.line-length", "+-~", _any),
    ("ruff.target-version", "+-~", _current),
    ("ruff.src", "+", _any),
    ("ruff.extend-exclude", "-", _any),
    ("ruff.format.exclude", "-", _any),
    ("ruff.preview", "+", _on),
    ("ruff.lint.preview", "+", _on),
    ("ruff.lint.select", "+", _any),
    ("ruff.lint.extend-select", "+", _any),
    ("ruff.lint.ignore", "-", _any),
    ("ruff.lint.per-file-ignores.*", "-", _any),
    ("ruff.lint.per-file-ignores.*", "+", _under_tests),
    ("ruff.lint.extend-per-file-ignores.*", "+", _under_tests),
    ("ruff.lint.flake8-tidy-imports.banned-api.*.msg", "+", _any),
    ("ruff.lint.isort.*", "+", _any),
    ("ruff.lint.flake8-type-checking.runtime-evaluated-*", "+", _any),
    ("ruff.lint.flake8-bugbear.extend-immutable-calls", "+-", _any),
    ("mypy.files", "+", _any),
    ("mypy.mypy_path", "+", _any),
    ("mypy.enable_error_code", "+", _any),
    ("mypy.plugins", "+", _library),
    ("mypy.*", "+", _stricter),
    ("pytest.ini_options.markers", "+-", _any),
    ("pytest.ini_options.testpaths", "+", _any),
    ("pytest.ini_options.pythonpath", "+", _any),
    ("pytest.ini_options.required_plugins", "+", _any),
    ("pytest.ini_options.faulthandler_timeout", "~", _any),
    ("pytest.ini_options.addopts", "+", _quiet),
    ("pytest.ini_options.filterwarnings", "+", _of_a_library),
    ("coverage.report.fail_under", "~", _higher),
    ("coverage.report.exclude_also", "-", _any),
    ("coverage.report.show_missing", "+-~", _any),
    ("coverage.report.skip_*", "+-~", _any),
    ("coverage.report.sort", "+", _any),
    ("coverage.run.source", "+", _any),
    ("coverage.run.concurrency", "+", _any),
    ("coverage.html.*", "+", _any),
    ("coverage.xml.*", "+", _any),
    ("importlinter.root_packages", "+", _any),
    ("deptry.known_first_party", "+", _own_module),
    ("deptry.known_first_party", "-", _any),
    ("deptry.per_rule_ignores.*", "-", _any),
    ("deptry.package_module_name_map.*", "+", _own_package),
    ("bill.licences", "-", _any),
    ("bill.exceptions.*", "-", _any),
)


def _free(change: Change, service: Checkout) -> bool:
    for pattern, kinds, condition in FREE:
        names = pattern.split(".")
        if len(names) != len(change.at) or change.kind not in kinds:
            continue
        if all(map(fnmatchcase, change.at, names)) and condition(change, service):
            return True
    return False


def weakened_tables(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield each setting of a tool that the release has otherwise, and that is not free."""
    before = release.toml(PYPROJECT).get("tool", {})
    after = service.toml(PYPROJECT).get("tool", {})
    # What describes the wheel, and tools that the release does not use, enforce nothing.
    watched = [name for name in before if name != "setuptools"]
    found = [*_overrides(before, after), *_contracts(before, after)]
    for name in watched:
        compared = changes(before[name], after.get(name, {}), (name,))
        found += [change for change in compared if not _free(change, service)]
    for change in found:
        item = change.value if isinstance(change.value, str) else change.at[-1]
        line = service.line_of(PYPROJECT, item) if change.kind != "-" else 1
        yield Finding(PYPROJECT, line, "ENF1", str(change), f"tool.{change.key}")


def _overrides(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """Yield mypy's overrides that say more than that a library has no types."""
    known = before.get("mypy", {}).pop("overrides", [])
    for entry in after.get("mypy", {}).pop("overrides", []):
        modules = entry.get("module", [])
        names = [modules] if isinstance(modules, str) else modules
        others = bool(names) and all(
            re.match(r"\w", n) and n.split(".")[0] not in OURS for n in names
        )
        for option, value in entry.items():
            free = option == "module" or (option in THIRD_PARTY and others)
            if (
                not free
                and not (value is True and STRICTER.fullmatch(option))
                and entry not in known
            ):
                at = ("mypy", "overrides", ", ".join(names), option)
                for item in value if isinstance(value, list) else [value]:
                    yield Change(at, "+", item)


def _contracts(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    """Yield import-linter's contracts that are gone, or allow an import that was forbidden."""
    own = after.get("importlinter", {}).pop("contracts", [])
    for contract in before.get("importlinter", {}).pop("contracts", []):
        at = ("importlinter", "contracts", contract["name"])
        ours = next((other for other in own if other.get("name") == contract["name"]), None)
        if ours is None:
            yield Change(at, "-", "the contract")
            continue
        layers, kept = contract.get("layers", []), list(ours.get("layers", []))
        for change in changes({**contract, "layers": []}, {**ours, "layers": []}, at):
            if change.at[-1] == "ignore_imports" and change.kind == "-":
                continue
            if not (change.kind == "+" and change.at[-1] in WIDER):
                yield change
        for layer in layers:
            # A package beside others on their line may be added; each line keeps its place.
            while kept and not set(_parts(layer)) <= set(_parts(kept[0])):
                kept.pop(0)
            if not kept:
                yield Change((*at, "layers"), "-", layer)
                break
            kept.pop(0)


def _parts(layer: str) -> list[str]:
    # Between colons, siblings may import each other.
    return [layer] if ":" in layer else [part.strip() for part in layer.split("|")]
