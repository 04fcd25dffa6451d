"""What holds every test: the guards, the closed sockets, and the test of the whole path."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from scripts.judge.finding import Finding
from scripts.judge.forms.source import FUNCTIONS, Function, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.judge.checkout import Checkout

__all__ = ["weakened_suite"]

WHOLE_PATH: Final = "tests/integration/test_whole_path.py"
GUARDS: Final = "tests/fixtures/guards.py"
CONFTEST: Final = "tests/conftest.py"
TEST: Final = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)
# Lines of the conftest that load the guards and close the sockets.
LOADED: Final = re.compile(
    r"^.*(?:\"fixtures\.guards\"|allow_hosts =|allow_unix_socket =).*$", re.MULTILINE
)


def weakened_suite(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield guards that are gone, edited or replaced, and tests of the whole path that are gone."""
    yield from _guards(release, service)
    present = {
        name
        for path in service.paths
        if path.startswith("tests/integration/")
        for name in TEST.findall(service.text(path))
    }
    for name in TEST.findall(release.text(WHOLE_PATH)):
        if name not in present:
            message = f"`{name}` is gone. Test the whole path from documents to an answer."
            yield Finding(WHOLE_PATH, 1, "TST2", message, name)


def _guards(release: Checkout, service: Checkout) -> Iterator[Finding]:
    before = _functions(release, GUARDS)
    after = _functions(service, GUARDS)
    for name, guard in () if service.equals(release, GUARDS) else before.items():
        own = after.get(name)
        if own is None or ast.dump(own) != ast.dump(guard):
            message = f"the guard `{name}` is {'edited' if own else 'gone'}. Add guards beside it."
            yield Finding(GUARDS, own.lineno if own else 1, "TST3", message, name)
    lines = {line.strip() for line in service.text(CONFTEST).splitlines()}
    for line in map(str.strip, LOADED.findall(release.text(CONFTEST))):
        if line not in lines:
            message = "the line that guards every test is gone. Keep it as the release has it."
            yield Finding(CONFTEST, 1, "TST3", message, line)
    for path in sorted(service.paths - {GUARDS}):
        if path.endswith(".py") and path.startswith("tests/") and not service.equals(release, path):
            for name, own in _functions(service, path).items():
                if name in before and own.decorator_list:
                    message = f"`{name}` replaces a guard of every test. Name it otherwise."
                    yield Finding(path, own.lineno, "TST3", message, name)


def _functions(checkout: Checkout, path: str) -> dict[str, Function]:
    found = Source(path, checkout.text(path)).walk(*FUNCTIONS)
    return {function.name: function for function in found}
