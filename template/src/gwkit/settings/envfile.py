"""Read a `.env` file, and say what in it cannot be read. Its values are never shown."""

from __future__ import annotations

import os
import re
from io import StringIO
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_env_file"]

# Nothing in it means anything but itself: no escape, no variable, no comment.
_SINGLE_QUOTED = re.compile(
    r"\s*(?:export[^\S\r\n]+)?(?P<name>[^=#\s']+)[^\S\r\n]*=[^\S\r\n]*'(?P<value>[^']*)'"
    r"[^\S\r\n]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|\Z)"
)
_WRONG_FORM = "not of the form NAME=value (a comment starts with #, and quotes must be closed)"


def read_env_file(path: Path) -> tuple[dict[str, str], list[str]]:
    """Return the variables of the file with their values, and one line for each problem in it.

    A file that does not exist is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, []
    except UnicodeDecodeError as exc:
        return {}, [f"{path}: not UTF-8 text, at byte {exc.start}; save it as UTF-8"]
    except OSError as exc:
        return {}, [f"{path}: cannot be read: {exc.strerror}"]
    values, wrong = _parsed(text)
    return values, [f"{path}, line {number}: {_WRONG_FORM}" for number in wrong]


def _parsed(text: str) -> tuple[dict[str, str], list[int]]:
    """Return what python-dotenv reads, but single-quoted values as shells read them.

    Also return the numbers of the lines that assign nothing.
    """
    values: dict[str, str] = {}
    wrong: list[int] = []
    start = 0
    while start < len(text):
        if match := _SINGLE_QUOTED.match(text, start):
            values[match["name"]] = match["value"]
            start = match.end()
            continue
        binding = next(parse_stream(StringIO(text[start:])))
        string, key, value = binding.original.string, binding.key, binding.value
        if binding.error or (key is not None and value is None):
            blank = len(string) - len(string.lstrip())
            wrong.append(1 + text.count("\n", 0, start + blank))
        elif key is not None and value is not None:
            # Quoted so it has an escaped quote, which is python-dotenv's own idea.
            is_literal = string.partition("=")[2].lstrip().startswith("'")
            known = {**os.environ, **values}
            resolved = "".join(part.resolve(known) for part in parse_variables(value))
            values[key] = value if is_literal else resolved
        start += len(string)
    return values, wrong
