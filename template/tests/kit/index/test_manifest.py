"""The manifest of an index."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gwkit.index.store import Manifest

MADE = Manifest(embedder="fake:words", dimension=512, chunker="blocks-v1/256/32")


def test_equal_manifests_do_not_differ() -> None:
    """An index fits settings with the same values."""
    assert {} == MADE.differences(replace(MADE))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            replace(MADE, embedder="openai:small"),
            {"embedder": ("fake:words", "openai:small")},
        ),
        (replace(MADE, dimension=384), {"dimension": ("512", "384")}),
        (replace(MADE, terms="script-v1/de"), {"terms": ("script-v1/auto", "script-v1/de")}),
        (
            Manifest(embedder="fake:words", dimension=8, chunker="blocks-v2/1/0"),
            {"dimension": ("512", "8"), "chunker": ("blocks-v1/256/32", "blocks-v2/1/0")},
        ),
    ],
)
def test_a_difference_names_the_part_and_both_values(
    asked: Manifest, expected: dict[str, tuple[str, str]]
) -> None:
    """Each difference is named, with the index's part first."""
    assert expected == MADE.differences(asked)
