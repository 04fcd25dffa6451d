"""The practices of this service, and what holds each of them.

`python -m scripts.practices` prints them; `make check` names their codes next to what it finds.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass

__all__ = ["FAMILIES", "PRACTICES", "Practice", "annotate"]

FAMILIES = {
    "TYP": "Types",
    "CFG": "Configuration",
    "DEP": "Dependencies",
    "LOG": "Logging",
    "ERR": "Errors",
    "CCH": "Caching and singletons",
    "ASY": "Async",
    "VAL": "Validation",
    "PRF": "Performance",
    "TST": "Tests",
    "STR": "Structure",
}


@dataclass(frozen=True)
class Practice:
    """One practice.

    `by` names what holds it: a tool with its rules (`ruff E722 BLE`), `standards` for a rule of
    this checkout's own, `tests` where it is shown at run time, `reviewed` where no tool can tell.
    """

    code: str
    text: str
    by: tuple[str, ...]


PRACTICES = (
    Practice(
        "TYP1",
        "Every signature and every class attribute is annotated",
        ("mypy", "ruff ANN0 ANN1 ANN2", "standards"),
    ),
    Practice(
        "TYP2",
        "Every module opens with the future import of annotations",
        ("ruff I002", "standards"),
    ),
    Practice("TYP3", "No `Any` where a specific type fits", ("ruff ANN401",)),
    Practice(
        "TYP4",
        "Unions are written with a bar, never with `Optional` or `Union`",
        ("ruff UP007 UP045",),
    ),
    Practice(
        "TYP5",
        "A dict of known shape is a `TypedDict`; data with behaviour a dataclass or a model",
        ("mypy typeddict-item typeddict-unknown-key", "reviewed"),
    ),
    Practice(
        "TYP6",
        "Unions are narrowed, never cast or ignored; each `type: ignore` has its code",
        ("mypy unused-ignore ignore-without-code", "ruff PGH003"),
    ),
    Practice("CFG1", "No configuration in source: it comes from the settings", ("standards",)),
    Practice(
        "CFG2", "A setting has a type, a default, a range and a description", ("mypy", "standards")
    ),
    Practice("CFG3", "A choice without its key or URL is refused", ("tests",)),
    Practice("CFG4", "Invalid configuration stops the start, with every problem named", ("tests",)),
    Practice(
        "CFG5", "`.env` is never committed; `.env.example` is whole", ("standards", "pre-commit")
    ),
    Practice(
        "CFG6",
        "Secrets are `SecretStr`, and stand nowhere in clear",
        ("ruff S105 S106 S107", "standards", "tests", "pre-commit"),
    ),
    Practice("CFG7", "Flags and limits are settings", ("standards", "tests")),
    Practice("DEP1", "Every dependency is pinned exactly, with hashes", ("pins",)),
    Practice("DEP2", "One requirements file per environment, agreed", ("pins",)),
    Practice(
        "DEP3",
        "Direct and transitive dependencies are told apart",
        ("pins", "deptry DEP001 DEP002 DEP003 DEP004 DEP005"),
    ),
    Practice("DEP4", "Always a virtual environment; the Python version is written down", ("pins",)),
    Practice("DEP5", "No private interface of a library is built upon", ("standards",)),
    Practice("LOG1", "Logging is configured once, at the root", ("tests",)),
    Practice("LOG2", "Module-scoped loggers named after the module", ("ruff T20", "standards")),
    Practice("LOG3", "Levels say how much an event matters", ("tests", "reviewed")),
    Practice("LOG4", "Events are constant, context is fields", ("ruff G LOG", "standards")),
    Practice("LOG5", "Every model call logs one event", ("tests",)),
    Practice("LOG6", "A request id on every line of its request", ("tests",)),
    Practice(
        "ERR1", "The most specific class is caught, nothing swallowed", ("ruff E722 BLE S110 S112",)
    ),
    Practice("ERR2", "Context managers release what is held", ("ruff SIM115", "reviewed")),
    Practice("ERR3", "A re-raise keeps its cause", ("ruff B904",)),
    Practice("ERR4", "Docstrings name the exceptions raised", ("ruff DOC501",)),
    Practice("ERR5", "Domain errors stand under one base", ("standards",)),
    Practice("ERR6", "Wait, shorten or raise: one policy for models' errors", ("tests",)),
    Practice("CCH1", "Expensive objects are made once, without global state", ("tests",)),
    Practice("CCH2", "Cached functions have hashable arguments", ("ruff B019", "standards")),
    Practice("CCH3", "An async singleton is locked and checked twice", ("tests",)),
    Practice("ASY1", "Nothing blocks the event loop", ("ruff ASYNC", "tests")),
    Practice("ASY2", "CPU-bound work runs in an executor", ("tests",)),
    Practice("ASY3", "Clients are async context managers over one pool", ("tests",)),
    Practice("VAL1", "Requests are validated before they are used", ("tests",)),
    Practice("VAL2", "Replies of models are validated before they are used", ("tests",)),
    Practice("PRF1", "A timing decorator that keeps signatures", ("tests",)),
    Practice("PRF2", "A memory profile as a context manager", ("tests",)),
    Practice("PRF3", "Counters and timings in bounded memory", ("tests",)),
    Practice("TST1", "Unit tests of pure functions, without mocks", ("standards",)),
    Practice("TST2", "Integration tests of the whole path", ("standards",)),
    Practice("TST3", "No test reaches the network", ("tests",)),
    Practice("TST4", "Parametrised tests, shared fixtures", ("ruff PT",)),
    Practice("TST5", "Coverage has a floor", ("coverage", "standards")),
    Practice("STR1", "Packages by domain", ("import-linter",)),
    Practice("STR2", "One direction of imports, no cycles", ("import-linter",)),
    Practice("STR3", "No catch-all names, no god modules", ("standards",)),
    Practice("STR4", "`__all__` equals the public names", ("standards",)),
    Practice("STR5", "The kit is as released, but for edits with a reason", ("standards",)),
)

_RUFF_OR_DEPTRY = re.compile(r"^\S+?:(?:\d+:)*\s+([A-Z]{1,6}\d{3,4})\b")
_MYPY = re.compile(r": error: .*\[([a-z-]+)\]$")


def annotate(line: str) -> str:
    """Return a line of a linter's or the type checker's output with the practice it is about."""
    if match := _MYPY.search(line):
        code = _practice("mypy", match[1]) or "TYP1"
    elif match := _RUFF_OR_DEPTRY.search(line):
        code = _practice("ruff", match[1]) or _practice("deptry", match[1])
    else:
        code = ""
    return f"{line}  ({code})" if code else line


def _practice(tool: str, rule: str) -> str:
    """Return the practice that this tool's rule holds, or nothing."""
    for practice in PRACTICES:
        for entry in practice.by:
            name, *prefixes = entry.split()
            if name == tool and any(re.fullmatch(rf"{p}\d*", rule) for p in prefixes):
                return practice.code
    return ""


if __name__ == "__main__":
    for item in PRACTICES:
        print(f"{item.code}  {item.text}  ({', '.join(item.by)})")
    sys.exit()
