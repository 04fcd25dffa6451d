"""Front matter: the metadata that a Markdown file begins with, as YAML or TOML."""

from __future__ import annotations

import re
import tomllib
from datetime import date, time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["split_front_matter"]

_NOT_TOML = (tomllib.TOMLDecodeError, RecursionError)
# As in Pandoc, a rule before a blank line is a rule.
_YAML = re.compile(r"\s*?---[ \t]*\n(?![ \t]*\n)(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\s*?\+\+\+[ \t]*\n(.*?\n)??\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML_LIMIT = 20_000
"""Characters of TOML that are parsed; longer front matter is text."""

_KEY = re.compile(
    r"""(?:[\w.$@/-]+(?:[ ][\w.-]+){0,2}|"[^"\n]*"|'[^'\n]*')[ \t]*:(?:[ \t]+(?P<value>.*))?$"""
)
_ITEM = re.compile(r"-(?:[ \t]|$)")
_BELOW = (" ", "\t", "#", "]", "}")
"""How a line begins that goes on with the value above it, or is a comment."""

_SCALAR = re.compile(r"^([A-Za-z_][\w.-]*):[ \t]+(\S.*)$", re.MULTILINE)
_NOT_SCALAR = tuple("#|>&*!{[")
_SCALAR_LIMIT = 1_000
"""Characters of a value; a longer one is no metadata to filter by."""


def split_front_matter(source: str) -> tuple[dict[str, str], str]:
    """Return the plain values at the top level of the front matter, and the text after it.

    A document that begins with a rule and has another one further down has no front matter, unless
    what is between them is a mapping.
    """
    if (match := _YAML.match(source)) and _is_mapping(match[1] or ""):
        return dict(_scalars(match[1] or "")), source[match.end() :]
    if (match := _TOML.match(source)) and len(match[0]) <= _TOML_LIMIT:
        try:
            values = tomllib.loads(match[1] or "")
        except _NOT_TOML:
            return {}, source
        return dict(_plain(values)), source[match.end() :]
    return {}, source


def _is_mapping(front_matter: str) -> bool:
    """Say whether each line is a key with its value, or belongs to the value above it."""
    key: re.Match[str] | None = None
    for line in filter(str.strip, front_matter.splitlines()):
        if found := _KEY.match(line):
            key = found
        elif line.startswith("#"):
            continue
        elif key is None or not (
            line.startswith(_BELOW) or (_ITEM.match(line) and not _without_comment(key["value"]))
        ):
            return False
    return key is not None or not front_matter.strip()


def _without_comment(value: str | None) -> str:
    return f" {value or ''}".split(" #")[0].strip()


def _scalars(front_matter: str) -> Iterator[tuple[str, str]]:
    """Yield the plain `key: value` lines at the top level; the rest of YAML is left alone."""
    for key, raw in _SCALAR.findall(front_matter):
        value = raw.strip()
        if value[0] in "'\"" and value[-1] == value[0]:
            value = value[1:-1]
        else:
            value = value.split(" #")[0].rstrip()
        if value and len(value) <= _SCALAR_LIMIT and not raw.startswith(_NOT_SCALAR):
            yield key, value


def _plain(values: dict[str, object]) -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, str | int | float | date | time):
            text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
            if text and len(text) <= _SCALAR_LIMIT:
                yield key, text
