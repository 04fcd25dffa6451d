"""Copies of one text do not push other hits out of the first places."""

from __future__ import annotations

import pytest

from app.retrieval.ranking import has_copies, originals_first
from gwkit.index.store import Hit


def _hit(document: str, text: str, score: float = 1.0, heading: str = "Badges") -> Hit:
    return Hit(f"{document}#0", document, 0, document, (heading,), text, score, {})


def test_copies_come_last() -> None:
    """The order is otherwise kept, no hit is lost, and scores fall."""
    hits = [
        _hit("a", "Lost badges: tell the desk.", 1.0),
        _hit("b", "lost *badges*:  tell the desk", 0.9),
        _hit("c", "The desk is in room 14.", 0.8),
        _hit("d", "Lost badges: tell the desk.", 0.7),
    ]
    found = originals_first(hits)

    assert has_copies(hits)
    assert ["a", "c", "b", "d"] == [hit.document for hit in found]
    assert [1.0, 0.8, 0.8, 0.7] == [hit.score for hit in found]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (_hit("a", "The limit is 142 euros."), _hit("b", "The limit is 143 euros.")),
        (_hit("a", "Use C++."), _hit("b", "Use C#.")),
        (_hit("a", "9 to 5", heading="Paris"), _hit("b", "9 to 5", heading="Rome")),
    ],
)
def test_what_says_something_else_is_no_copy(first: Hit, second: Hit) -> None:
    """A number, a sign or the heading makes a difference."""
    assert not has_copies([first, second])
    assert [first, second] == originals_first([first, second])


def test_nothing_found() -> None:
    """There may be no hits."""
    assert not has_copies([])
    assert [] == originals_first([])
