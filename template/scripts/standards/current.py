"""The rule that what is generated from the code says what the code says."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from scripts.reference import generated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.standards.project import Project

__all__ = ["current_reference"]

# In the template itself such lines say which answers a section is for; a service has none.
_BLOCK = re.compile(r"^# \[%.+%\]\n", re.MULTILINE)


def current_reference(project: Project) -> Iterator[tuple[str, int, str]]:
    """Run `make reference`, which writes what is generated from the settings."""
    for path, expected in generated(project.root).items():
        actual = _BLOCK.sub("", project.text(path)).splitlines()
        pairs = zip_longest(actual, expected.splitlines(), fillvalue="nothing")
        for number, (line, wanted) in enumerate(pairs, 1):
            if line != wanted:
                yield path, number, f"there is {line!r} instead of {wanted!r}"
                break
