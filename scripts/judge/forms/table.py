"""The second forms by code, and what is about more than one module."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from scripts.judge.finding import Finding
from scripts.judge.forms import errors, logs, running, singletons, testing, values
from scripts.judge.forms.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.judge.checkout import Checkout

__all__ = ["FORMS", "second_forms"]

Form = tuple[str, "Callable[[Source], Iterator[tuple[int, str]]]", str]

APP: Final = r"src/app/.*"
TESTS: Final = r"tests/.*"
# The code, the check, and the paths of the modules that it looks at.
FORMS: Final[tuple[Form, ...]] = (
    ("TYP1", values.bare_attributes, APP),
    ("TYP1", values.hidden_code, APP),
    ("CFG1", values.fixed_values, APP),
    ("CFG1", values.fixed_calls, APP),
    ("CFG6", values.readable_secrets, APP),
    ("CFG6", logs.told_secrets, APP),
    ("LOG4", logs.kept_methods, APP),
    ("ERR1", errors.general_suppression, APP),
    ("ERR1", errors.swallowing_exits, APP),
    ("ERR2", errors.open_files, APP),
    ("ERR3", errors.hidden_causes, APP),
    ("ERR5", errors.foreign_errors, APP),
    ("CCH2", errors.cached_calls, APP),
    ("CCH3", singletons.racing_singletons, APP),
    ("STR2", values.hidden_imports, APP),
    ("ASY1", running.blocking_calls, APP),
    ("VAL1", running.unchecked_bodies, APP),
    ("TST3", testing.open_sockets, TESTS),
    ("TST4", testing.silent_skips, TESTS),
    ("TST4", testing.empty_tests, TESTS),
)
CROWD: Final = 12
ROUTES: Final = re.compile(r"^@\w+\.(api_route|post|put|patch|delete)\(", re.MULTILINE)
STRAY_PINS: Final = re.compile(
    r"(?!(requirements|data|tests)/)(.*/)?(requirements|constraints)[^/]*\.(txt|in)|Pipfile(\.lock)?|(poetry|uv|pdm|pylock[^/]*)\.(lock|toml)"
)


def second_forms(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield what modules that are not the release's do against a practice in a second form."""
    sources = {
        path: Source(path, service.text(path))
        for path in sorted(service.paths)
        if path.endswith(".py") and re.match(r"src/app/|tests/", path)
        if not service.equals(release, path)
    }
    # The release has no class that one of its own cached functions takes.
    unhashable = frozenset(n for s in sources.values() for n in errors.unhashable_classes(s))
    cached: Form = ("CCH2", partial(errors.mutable_arguments, unhashable=unhashable), APP)
    # A route may be the release's, and its model changed.
    modules = (path for path in service.paths if re.fullmatch(r"src/app/.*\.py", path))
    parsed = (sources.get(path) or Source(path, service.text(path)) for path in modules)
    routes = (s for s in parsed if s.path in sources or ROUTES.search(s.text))
    asked = running.asked_models(routes) if sources else frozenset[str]()
    models: Form = ("VAL1", partial(running.unlimited_models, asked=asked), APP)
    for path, source in sources.items():
        for code, check, paths in (*FORMS, cached, models):
            if not re.fullmatch(paths, path):
                continue
            for line, fact in check(source):
                if not source.excuses(code, line):
                    yield Finding(path, line, code, f"{fact}. {_remedy(check)}")
    yield from _files(release, service)


def _remedy(check: Callable[..., object]) -> str:
    documented = check.func if isinstance(check, partial) else check
    return " ".join((documented.__doc__ or "").split("\n\n")[0].split())


def _files(release: Checkout, service: Checkout) -> Iterator[Finding]:
    utilities = sorted(p for p in service.paths if re.fullmatch(r"src/app/utils/.*\.py", p))
    if len(utilities) > CROWD:
        message = f"`utils` has {len(utilities)} modules. Move each to the domain that needs it."
        yield Finding(utilities[0], 1, "STR3", message)
    for path in sorted(p for p in service.paths - release.paths if STRAY_PINS.fullmatch(p)):
        message = "requirements beside those of requirements/. Ask for the package in app.in."
        yield Finding(path, 1, "DEP2", message)
