"""The docstring of the service's errors shows their tree."""

from __future__ import annotations

import inspect
import re

from app import exceptions
from gwkit.errors import AppError

TYPES = {
    name: item
    for name, item in vars(exceptions).items()
    if inspect.isclass(item) and issubclass(item, BaseException)
}


def test_the_drawing_is_the_tree() -> None:
    """The tree in the docstring has each class below its base."""
    assert exceptions.__doc__ is not None
    path: list[str] = []
    drawn: dict[str, str | None] = {}
    for line in exceptions.__doc__.splitlines():
        if match := re.match(r"( +[│ ]*)(?:[├└]── )?([A-Z]\w+Error)\b", line):
            depth = len(line[: match.start(2)]) // 4 - 1
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else None
    real = {name: item.__mro__[1].__name__ for name, item in TYPES.items() if item is not AppError}
    assert {**real, "AppError": None} == drawn
