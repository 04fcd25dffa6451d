"""The code in the documentation of a rendered service: files to write, and commands to run."""

from __future__ import annotations

import re
from textwrap import dedent
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<code>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


class Snippet(NamedTuple):
    """A block of code, and its page."""

    page: str
    language: str
    title: str | None
    code: str


def snippets(service: Path) -> Iterator[Snippet]:
    """Yield every block of code of the README and the documentation."""
    for path in (service / "README.md", *sorted((service / "docs").rglob("*.md"))):
        page = path.relative_to(service).as_posix()
        yield from (snippet._replace(page=page) for snippet in snippets_of(path))


def snippets_of(path: Path) -> Iterator[Snippet]:
    """Yield every block of code of a page."""
    for block in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        yield Snippet(path.name, block["language"], block["title"], dedent(block["code"]))


def write_files(service: Path) -> list[str]:
    """Write every block that names a file to that file, which must be new; return the paths."""
    return write_snippets(snippets(service), service)


def write_snippets(found: Iterable[Snippet], service: Path) -> list[str]:
    """Write the blocks that name a file, which must be new; return the paths."""
    written = []
    for snippet in found:
        if snippet.title is not None:
            path = service / snippet.title
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(snippet.code)
            written.append(snippet.title)
    return written


def commands(service: Path) -> Iterator[tuple[str, str]]:
    """Yield every command of the console blocks, with its page.

    A line that ends with a backslash continues in the next one.
    """
    yield from _commands(snippets(service))


def commands_of(path: Path) -> list[str]:
    """Return every command of the console blocks of a page."""
    return [line for _, line in _commands(snippets_of(path))]


def _commands(found: Iterable[Snippet]) -> Iterator[tuple[str, str]]:
    for snippet in found:
        if snippet.language == "console":
            code = snippet.code.replace("\\\n", "")
            yield from ((snippet.page, line[2:]) for line in code.splitlines() if line[:2] == "$ ")
