"""The size of a render: the caps of `ratchet.toml`, and the length of modules."""

from __future__ import annotations

import ast
import io
import tokenize
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from harness.answers import ROOT

if TYPE_CHECKING:
    from harness.rendering import TemplateRepository

Renderer = Callable[[str], Path]

RATCHET: Final = tomllib.loads((ROOT / "ratchet.toml").read_text(encoding="utf-8"))
SLACK: Final = 50
LAYOUT: Final = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


def lines_of_code(source: str) -> int:
    """Count the lines of code of a module; strings on their own are docstrings."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    spans = [(t.start[0], t.end[0]) for t in tokens if t.type not in LAYOUT]
    lines = {line for first, last in spans for line in range(first, last + 1)}
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str()), end_lineno=int(last)):
                lines.difference_update(range(node.lineno, last + 1))
            case _:
                pass
    return len(lines)


def test_only_code_is_counted() -> None:
    """Blanks, comments and docstrings do not count; each line of a long statement does."""
    source = '''"""A module.

    Two paragraphs."""

# A comment
A = (
    1,  # one
)
"""What A is."""


def f() -> str:
    """Do."""
    return """one
two"""
'''
    assert 6 == lines_of_code(source)


@pytest.mark.xdist_group("defaults")
@pytest.mark.parametrize("part", RATCHET)
def test_a_part_of_the_default_render_keeps_its_cap(part: str, rendered: Renderer) -> None:
    """It has no more lines than the cap, and not so few that the cap has no effect."""
    service, rules = rendered("defaults"), RATCHET[part]
    left_out = {path for other in rules.get("without", ()) for path in _files(service, other)}
    sources = (path.read_text("utf-8") for path in _files(service, part) - left_out)
    count = sum(map(lines_of_code, sources))
    assert count <= rules["cap"], (
        f"{count} lines: take something away, or raise the cap with a reason"
    )
    assert count >= rules["cap"] - SLACK, f"take the cap down to {count}"
    assert rules["cap"] <= rules["aim"] or len(rules["reason"].split()) > 3, "give a reason"


def _files(service: Path, part: str) -> set[Path]:
    return {path for pattern in RATCHET[part]["paths"] for path in service.glob(pattern)}


@pytest.mark.parametrize(("folder", "longest"), [("src", 300), ("scripts", 300), ("tests", 500)])
def test_no_module_is_too_long_to_read(
    folder: str, longest: int, template: TemplateRepository
) -> None:
    """The limit includes comments, docstrings and blank lines."""
    modules = (template.root / "template" / folder).rglob("*.py")
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in modules}
    assert {} == {path: length for path, length in lengths.items() if length > longest}
