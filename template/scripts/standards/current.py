"""The rule that what is generated from the code says what the code says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scripts.reference import generated
from scripts.standards.project import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.standards.project import Project

__all__ = ["current_reference"]

# In the template itself such lines say which answers a section is for; a service has none.
_BLOCK = re.compile(r"^# \[%.+%\]\n", re.MULTILINE)
_VARIABLE = re.compile(r"^(?:# ?)?([A-Z][A-Z0-9_]+)=")


def current_reference(project: Project) -> Iterator[tuple[str, int, str]]:
    """Run `make reference`, which writes what is generated from the settings."""
    for path, expected in generated(project.root).items():
        actual = _BLOCK.sub("", project.text(path))
        if actual == expected:
            continue
        wanted, found = _variables(expected), _variables(actual)
        for name in sorted(wanted.keys() - found.keys()):
            yield path, WHOLE, f"the setting {name} is missing"
        for name in sorted(found.keys() - wanted.keys()):
            yield path, found[name], f"{name} is no setting"
        if wanted.keys() == found.keys():
            lines = zip(actual.splitlines(), expected.splitlines(), strict=False)
            line = next((n for n, (a, b) in enumerate(lines, 1) if a != b), WHOLE)
            yield path, line, "the text is not what the settings say"


def _variables(text: str) -> dict[str, int]:
    """Return the variables that an environment file sets or shows, each with its first line."""
    names: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if match := _VARIABLE.match(line):
            names.setdefault(match[1], number)
    return names
