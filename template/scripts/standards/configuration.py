"""Rules about the settings, and about the configuration of the tools."""

from __future__ import annotations

import ast
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from scripts.practices import PRACTICES
from scripts.standards.project import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.standards.project import Module, Project

__all__ = [
    "checked_modules",
    "coverage_floor",
    "described_settings",
    "flags_and_limits",
    "integration_tests",
    "python_version",
    "strict_linting",
    "strict_types",
]

BOUND = r"\b(ge|gt|le|lt)="
FLAGS = (
    *("default_model", "enable_caching", "enable_streaming", "max_tokens"),
    *("requests_per_minute", "temperature", "timeout_seconds"),
)
FLOOR = 90
HIDING = ("mypy.ini", ".mypy.ini", "ruff.toml", ".ruff.toml", "src/ruff.toml", "src/app/ruff.toml")
SETTINGS = ("Settings", "SettingsGroup")
OWN = {"*", "app", "gwkit"}
WEAKENING = ("allow_", "disable_error", "exclude", "follow_imports", "ignore_errors", "implicit_")
WEAKENING_OWN = (*WEAKENING, "ignore_missing_imports")


def described_settings(module: Module) -> Iterator[tuple[int, str]]:
    """Give every setting a docstring or `description`, and a number its range: `Field(gt=0)`."""
    for group in module.walk(ast.ClassDef):
        if not any(ast.unparse(base).endswith(SETTINGS) for base in group.bases):
            continue
        for field, after in pairwise((*group.body, None)):
            if not isinstance(field, ast.AnnAssign) or "ClassVar" in (text := ast.unparse(field)):
                continue
            name = ast.unparse(field.target)
            if "description=" not in text and not isinstance(after, ast.Expr):
                yield field.lineno, f"the setting `{name}` has no description"
            names = {n.id for n in ast.walk(field.annotation) if isinstance(n, ast.Name)}
            if names & {"Decimal", "float", "int"} and not re.search(BOUND, text):
                yield field.lineno, f"the numeric setting `{name}` has no range"


def python_version(project: Project) -> Iterator[tuple[str, int, str]]:
    """Keep `.python-version` equal to the minimum of `requires-python` in pyproject.toml."""
    floor = str(project.pyproject.get("project", {}).get("requires-python", "")).removeprefix(">=")
    lines = [text for text in project.text(".python-version").splitlines() if text[:1].isdigit()]
    if lines != [floor]:
        yield ".python-version", WHOLE, f"it has {lines}, pyproject.toml has {floor!r}"


def flags_and_limits(project: Project) -> Iterator[tuple[str, int, str]]:
    """Keep the flags and limits that every service has; change their defaults as you need."""
    path = "src/app/config/settings.py"
    text = "".join(module.text for module in project.modules("src/app/config"))
    for name in FLAGS:
        if not re.search(rf"^    {name}:", text, re.MULTILINE):
            yield path, WHOLE, f"the setting `{name}` is missing"


def strict_types(project: Project) -> Iterator[tuple[str, int, str]]:
    """Leave mypy strict over src, scripts and tests; ignore a line with its code where you must."""
    table = project.pyproject.get("tool", {}).get("mypy", {})
    line = project.line_of("pyproject.toml", "[tool.mypy]")
    if table.get("strict") is not True:
        fact = f"mypy is not strict [tool.mypy.strict: {table.get('strict', True)}]"
        yield "pyproject.toml", line, fact
    for folder in sorted({"src", "scripts", "tests"}.difference(table.get("files", ()))):
        yield "pyproject.toml", line, f"mypy skips {folder} [tool.mypy.files: {folder}]"
    for entry in (table, *table.get("overrides", ())):
        names = entry.get("module", "*")
        names = [names] if isinstance(names, str) else names
        own = {name.split(".")[0] for name in names} & OWN
        place = f"mypy.overrides.{', '.join(names)}" if "module" in entry else "mypy"
        for option, value in sorted(entry.items()):
            weakens = option.startswith(WEAKENING_OWN if own else WEAKENING)
            if (value and weakens) or (value is False and option != "strict"):
                for each in value if isinstance(value, list) else [value]:
                    fact = f"mypy is less strict [tool.{place}.{option}: {each}]"
                    yield "pyproject.toml", line, fact


def checked_modules(module: Module) -> Iterator[tuple[int, str]]:
    """Ignore one line with its code and a reason, if nothing else helps."""
    for number, text in enumerate(module.text.splitlines(), 1):
        if re.match(r"\s*#\s*(mypy\s*:|type\s*:\s*ignore\b)", text):
            yield number, "a comment disables the type checker for more than a line"


def strict_linting(project: Project) -> Iterator[tuple[str, int, str]]:
    """Keep the rules of a practice enabled; excuse one line with `# noqa: CODE` and a reason."""
    for path in HIDING:
        if project.text(path):
            yield path, WHOLE, "ENF7: this file overrides the configuration in pyproject.toml"
    table = project.pyproject.get("tool", {}).get("ruff", {}).get("lint", {})
    line = project.line_of("pyproject.toml", "[tool.ruff.lint]")
    if table.get("select") != ["ALL"]:
        fact = "ruff does not select ALL [tool.ruff.lint.select: ALL]"
        yield "pyproject.toml", line, fact
    ignored = [("ignore", code) for code in table.get("ignore", ())]
    for pattern, codes in table.get("per-file-ignores", {}).items():
        if pattern.startswith(("src", "*")):
            ignored += [(f"per-file-ignores.{pattern}", code) for code in codes]
    for practice in PRACTICES:
        held = [rule for entry in practice.by if entry.startswith("ruff") for rule in entry.split()]
        for where, code in ignored:
            if any(rule.startswith(code) or code.startswith(rule) for rule in held[1:]):
                fact = f"{practice.code}: {code} is ignored [tool.ruff.lint.{where}: {code}]"
                yield "pyproject.toml", line, fact


def coverage_floor(project: Project) -> Iterator[tuple[str, int, str]]:
    """Write the test that is missing; the floor of branch coverage does not go below 90 %."""
    table = project.pyproject.get("tool", {}).get("coverage", {})
    line = project.line_of("pyproject.toml", "[tool.coverage.report]")
    report, run = table.get("report", {}), table.get("run", {})
    if report.get("fail_under", 0) < FLOOR:
        key = f"tool.coverage.report.fail_under: {report.get('fail_under', FLOOR)}"
        yield "pyproject.toml", line, f"the floor of coverage is below {FLOOR} % [{key}]"
    if run.get("branch") is not True:
        key = f"tool.coverage.run.branch: {run.get('branch', True)}"
        yield "pyproject.toml", line, f"branches are not measured [{key}]"


def integration_tests(project: Project) -> Iterator[tuple[str, int, str]]:
    """Test the whole path from a folder of documents to an answer, in tests/integration."""
    if not any("def test_" in module.text for module in project.modules("tests/integration")):
        yield "tests/integration", WHOLE, "there is no integration test"
