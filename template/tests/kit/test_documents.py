"""Blocks and chunks have the text and levels that the service needs."""

from __future__ import annotations

import pytest

from app.ingestion.preparation import indexed_text
from gwkit.documents import Block, BlockKind, Chunk


@pytest.mark.parametrize(
    ("headings", "expected"),
    [((), "text"), (("Guide",), "Guide\ntext"), (("Guide", "Setup"), "Guide > Setup\ntext")],
)
def test_the_headings_are_indexed_with_the_text(headings: tuple[str, ...], expected: str) -> None:
    """A chunk is found by the headings above it, which its own text does not repeat."""
    assert expected == indexed_text(Chunk(0, "text", headings, 1))


def test_only_headings_have_a_level() -> None:
    """Other blocks have level 0 by default."""
    assert 0 == Block(BlockKind.TEXT, "text").level
