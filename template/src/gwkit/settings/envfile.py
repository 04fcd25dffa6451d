"""Read a `.env` file, and say what in it cannot be read. Its values are never shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["EnvFile", "read_env_file"]

# Nothing in it means anything but itself: no escape, no variable, no comment.
_SINGLE_QUOTED = re.compile(
    r"\s*(?:export[^\S\r\n]+)?(?P<name>[^=#\s']+)[^\S\r\n]*=[^\S\r\n]*'(?P<value>[^']*)'"
    r"[^\S\r\n]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|\Z)"
)
_WRONG_FORM = "not of the form NAME=value (a comment starts with #, and quotes must be closed)"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The variables of a file with their values, and one line for each thing that is wrong."""

    values: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_env_file(path: Path) -> EnvFile:
    """Read the file; one that does not exist is empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return EnvFile()
    except UnicodeDecodeError as exc:
        return EnvFile(problems=(f"{path}: not UTF-8 text, at byte {exc.start}; save it as UTF-8",))
    except OSError as exc:
        return EnvFile(problems=(f"{path}: cannot be read: {exc.strerror}",))
    values: dict[str, str] = {}
    problems: list[str] = []
    for line in _lines(text):
        if line.problem:
            problems.append(f"{path}, line {line.number}: {line.problem}")
        elif line.literal:
            values[line.name] = line.value
        else:
            known = {**os.environ, **values}
            parts = parse_variables(line.value)
            values[line.name] = "".join(part.resolve(known) for part in parts)
    return EnvFile(values, tuple(problems))


class _Line(NamedTuple):
    number: int
    name: str = ""
    value: str = ""
    literal: bool = False
    problem: str = ""


def _lines(text: str) -> Iterator[_Line]:
    """Yield what python-dotenv reads, but single-quoted values as shells read them."""
    start = 0
    while start < len(text):
        if match := _SINGLE_QUOTED.match(text, start):
            number = 1 + text.count("\n", 0, match.start("name"))
            yield _Line(number, match["name"], match["value"], literal=True)
            start = match.end()
            continue
        binding = next(parse_stream(StringIO(text[start:])))
        string = binding.original.string
        blank = len(string) - len(string.lstrip())
        number = 1 + text.count("\n", 0, start + blank)
        if binding.error or (binding.key is not None and binding.value is None):
            yield _Line(number, problem=_WRONG_FORM)
        elif binding.key is not None and binding.value is not None:
            # One with an escaped quote, which is python-dotenv's own idea.
            literal = string.partition("=")[2].lstrip().startswith("'")
            yield _Line(number, binding.key, binding.value, literal=literal)
        start += len(string)
