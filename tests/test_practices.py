"""A service that breaks a practice fails its own `make check`, which names the practice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Check = Callable[[int | None], subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


class Violation(NamedTuple):
    """A file to write or change, and what `make check` must say about it."""

    path: str
    text: str
    named: tuple[str, ...]
    replaced: str = ""  # what the text takes the place of; nothing appends it


_HEAD = '"""Planted."""\n\nfrom __future__ import annotations\n\n'

VIOLATIONS = {
    "TYP1": Violation(
        "src/app/utils/planted.py", f"{_HEAD}__all__ = ['f']\n\n\ndef f(x): ...\n", ("TYP1",)
    ),
    "TYP2": Violation("src/app/utils/planted.py", '"""Planted."""\n', ("TYP2",)),
    "TYP3": Violation("src/app/utils/planted.py", "", ("TYP3",)),
    "CFG1": Violation("src/app/utils/planted.py", "", ("CFG1",)),
    "CFG5": Violation(".env.example", "APP_NO_SUCH_SETTING=1\n", ("CFG5",)),
    "DEP1": Violation("requirements/app.txt", "humanize>=4\n", ("DEP1",)),
    "LOG2": Violation("src/app/utils/planted.py", "", ("LOG2",)),
    "ERR1": Violation("src/app/utils/planted.py", "", ("ERR1",)),
    "ERR5": Violation("src/app/utils/planted.py", "", ("ERR5",)),
    "TST1": Violation("tests/unit/test_planted.py", "", ("TST1",)),
    "STR2": Violation("src/app/utils/planted.py", "", ("STR2",)),
    "STR3": Violation("src/app/utils/helpers.py", "", ("STR3",)),
    "STR4": Violation("src/app/utils/planted.py", "", ("STR4",)),
}
