"""Read a `.env` file, and say what in it cannot be read. Its values are never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from dotenv.parser import parse_stream

if TYPE_CHECKING:
    from pathlib import Path

    from dotenv.parser import Binding

__all__ = ["EnvFile", "read_env_file"]


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The variables of a file with their values, and one line for each thing that is wrong."""

    values: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_env_file(path: Path) -> EnvFile:
    """Read the file; one that does not exist is empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return EnvFile()
    except UnicodeDecodeError as exc:
        return EnvFile(problems=(f"{path}: not UTF-8 text, at byte {exc.start}; save it as UTF-8",))
    except OSError as exc:
        return EnvFile(problems=(f"{path}: cannot be read: {exc.strerror}",))
    good: list[Binding] = []
    problems: list[str] = []
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            problems.append(
                f"{path}, line {_line(binding)}: not of the form NAME=value "
                "(a comment starts with #, and quotes must be closed)"
            )
        else:
            good.append(binding)
    # Only the good lines, for python-dotenv would log the others to nobody.
    values = dotenv_values(stream=StringIO("".join(line.original.string for line in good)))
    return EnvFile(
        values={name: value for name, value in values.items() if value is not None},
        problems=tuple(problems),
    )


def _line(binding: Binding) -> int:
    """Return the number of the line itself; python-dotenv counts blank lines before it in."""
    string = binding.original.string
    blank = string[: len(string) - len(string.lstrip())]
    return binding.original.line + blank.count("\n")
