"""A split table keeps the names of its columns."""

from __future__ import annotations

import pytest

from app.ingestion.chunking import chunk_blocks
from gwkit.documents import Block, BlockKind

_BUDGET = 64


def _texts(*lines: str, overlap: int = 0) -> list[str]:
    block = Block(BlockKind.TEXT, "\n".join(lines))
    chunks = chunk_blocks([block], budget=_BUDGET, overlap=overlap)
    assert all(chunk.tokens <= _BUDGET for chunk in chunks)
    return [chunk.text for chunk in chunks]


@pytest.mark.parametrize("overlap", [0, 28])
@pytest.mark.parametrize(
    "header", ["Article | Price", "| 2023 | 2024", "Price list\nArticle | Q1 | Q2", "A |"]
)
def test_each_part_of_a_table_has_its_header(header: str, overlap: int) -> None:
    """Each part repeats the header row, and no row is lost or split."""
    rows = [f"Paint. No. {n} | {n} | e.g. red. Or blue" for n in range(40)]
    texts = _texts(header, *rows, overlap=overlap)

    assert len(texts) > 3
    assert all(text.startswith(f"{header}\n") for text in texts)
    found = [row for text in texts for row in text.removeprefix(f"{header}\n").split("\n")]
    assert rows == list(dict.fromkeys(found))
    assert (len(found) > len(rows)) == bool(overlap)


@pytest.mark.parametrize(
    "first",
    [
        "Paint | 12 | 3",  # values
        " | ".join(["a long name of a column"] * 5),  # would leave too little room
        "Words and no table at all\nand more\nand more\nand more",
    ],
)
def test_what_names_no_columns_is_not_repeated(first: str) -> None:
    """Repeated values would look like rows of each part."""
    rows = [f"Brush | {n} | {n}" for n in range(60)]

    assert 1 == "\n".join(_texts(first, *rows)).count(first)
