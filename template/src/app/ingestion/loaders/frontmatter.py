"""Front matter: the metadata that a Markdown file begins with, as YAML or TOML."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["split_front_matter"]

# As in Pandoc, a rule before a blank line is a rule.
_YAML = re.compile(r"\s*?---[ \t]*\n(?![ \t]*\n)(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\s*?\+\+\+[ \t]*\n(.*?\n)??\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML_LIMIT = 20_000
"""Characters of TOML that are parsed; longer front matter is text."""

_KEY = re.compile(r"""(?:"[^"\n]*"|'[^'\n]*'|[\w.$@/-]+(?:[ ][\w.-]+){0,2})[ \t]*:(?:[ \t]|$)""")
_BELOW = ("#", " ", "\t", "-", "]", "}")
"""How a line begins that is a comment, or goes on with the value above it."""

_SCALAR = re.compile(r"([A-Za-z_][\w.-]*):[ \t]+(?![#|>&*!{\[])(\S.*)$", re.MULTILINE)
_SCALAR_LIMIT = 1_000
"""Characters of a value; a longer one is no metadata to filter by."""


def split_front_matter(source: str) -> tuple[dict[str, str], str]:
    """Return the plain values at the top level of the front matter, and the text after it.

    A document that begins with a rule and has another one further down has no front matter, unless
    what is between them is a mapping.
    """
    values: Iterator[tuple[str, str]]
    if (match := _YAML.match(source)) and _is_mapping(match[1] or ""):
        values = _yaml_values(match[1] or "")
    elif (match := _TOML.match(source)) and len(match[0]) <= _TOML_LIMIT:
        try:
            values = _toml_values(tomllib.loads(match[1] or ""))
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}, source
    else:
        return {}, source
    found = {key: value for key, value in values if 0 < len(value) <= _SCALAR_LIMIT}
    return found, source[match.end() :]


def _is_mapping(front_matter: str) -> bool:
    """Return whether each line is a key with its value, or belongs to the value above it."""
    lines = [line for line in front_matter.splitlines() if line.strip() and line[0] != "#"]
    if lines and not _KEY.match(lines[0]):
        return False
    return all(_KEY.match(line) or line.startswith(_BELOW) for line in lines)


def _yaml_values(front_matter: str) -> Iterator[tuple[str, str]]:
    """Yield the plain `key: value` lines at the top level; the rest of YAML is left alone."""
    for line in front_matter.splitlines():
        if match := _SCALAR.match(line):
            value = match[2].strip()
            is_quoted = value[0] in "'\"" and value[-1] == value[0]
            yield match[1], value[1:-1] if is_quoted else value.split(" #")[0].rstrip()


def _toml_values(values: dict[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if not isinstance(value, dict | list):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            yield key, " ".join(text.split())
