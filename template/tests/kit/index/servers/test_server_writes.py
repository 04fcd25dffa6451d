"""Stores without transactions: what a rebuilt index keeps of the old one, and fused rankings."""

from __future__ import annotations

import numpy as np
import pytest

from app.retrieval.ranking import HybridRanking
from gwkit.index.servers.writes import Write, fuse, take_over
from gwkit.index.store import UPLOAD, SearchQuery

FOLDER = "/documents"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (Write(UPLOAD, 3), None, "copied"),
        (Write(UPLOAD, 3), Write(UPLOAD, 3), "kept"),
        (Write(UPLOAD, 30), Write(UPLOAD, 3), "copied"),
        (None, Write(UPLOAD, 3), "gone"),
        (Write(FOLDER, 3), None, "kept"),
        (Write(FOLDER, 30), None, "copied"),
        (Write(FOLDER, 30), Write(FOLDER, 20), "kept"),
        (None, Write(FOLDER, 20), "kept"),
    ],
)
def test_a_rebuild_takes_over(old: Write | None, new: Write | None, expected: str) -> None:
    """Uploads are as in the old index; of the rest, what was written there meanwhile."""
    gone, copied = take_over({"a": old} if old else {}, {"a": new} if new else {}, since=10)

    assert (["a"] if expected == "gone" else []) == gone
    assert (["a"] if expected == "copied" else []) == copied


def test_what_both_legs_find_is_one_hit() -> None:
    """It ranks first, and the scores descend; the query bounds the hits."""
    query = SearchQuery("", np.zeros(0, dtype=np.float32), HybridRanking(), k=2)
    legs = [[("One", 9.0), ("both", 8.0)], [("Both", 0.9), ("two", 0.8)]]

    best = fuse(query, legs, [1.0, 1.0], str.lower)

    assert ["both", "One"] == [found for found, _ in best]
    assert best[0][1] > best[1][1] > 0
