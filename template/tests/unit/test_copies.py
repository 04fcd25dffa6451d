"""A second look: words that stand together count, and copies do not fill the first places."""

from __future__ import annotations

import pytest

from app.retrieval.ranking import look_again
from gwkit.index.store import Hit
from gwkit.text.terms import TermRules

RULES = TermRules()
LEAVE = "Parental leave is granted for three years after the birth of a child by the team in {}"


def _hit(document: str, text: str, score: float = 1.0, heading: str = "Badges") -> Hit:
    return Hit(f"{document}#0", document, 0, document, (heading,), text, score, {})


def _documents(hits: list[Hit]) -> list[str]:
    return [hit.document for hit in hits]


def test_a_pair_of_the_question_counts() -> None:
    """Words that are neighbours in the question rank higher where they are neighbours, too."""
    hits = [
        _hit("apart", "A leave of the parental kind.", 1.0),
        _hit("row", "Parental leave.", 0.9),
    ]

    found = look_again(hits, RULES.of_query("parental leave"), RULES, 2)

    assert ["row", "apart"] == _documents(found)
    assert 1 >= found[0].score > found[1].score > 0


@pytest.mark.parametrize("query", ["", "leave"])
def test_one_word_has_no_pair(query: str) -> None:
    """Nothing changes."""
    hits = [_hit("a", "Leave.", 1.0), _hit("b", "No leave.", 0.9)]
    assert hits == look_again(hits, RULES.of_query(query), RULES, 2)


def test_copies_come_last() -> None:
    """The order is otherwise kept, no hit is lost, and scores fall."""
    hits = [
        _hit("a", "Lost badges: tell the desk.", 1.0),
        _hit("b", "lost *badges*:  tell the desk", 0.9),
        _hit("c", "The desk is in room 14.", 0.8),
        _hit("d", "Lost badges: tell the desk.", 0.7),
    ]

    found = look_again(hits, (), RULES, 4)

    assert ["a", "c", "b", "d"] == _documents(found)
    assert [1.0, 0.8, 0.8, 0.7] == [hit.score for hit in found]


def test_near_identical_chunks_have_two_places() -> None:
    """Of texts that differ in a word all but two come last: those may contradict each other."""
    places = ["Bonn", "Paris", "Rome", "Oslo"]
    hits = [_hit(place, LEAVE.format(place)) for place in places] + [_hit("other", "Two weeks.")]

    assert ["Bonn", "Paris", "other", "Rome", "Oslo"] == _documents(look_again(hits, (), RULES, 5))


def test_only_the_first_places_are_looked_at() -> None:
    """What comes behind them stays as it is, and is not read."""
    read = []

    class Noting(TermRules):
        def of_text(self, text: str) -> list[str]:
            read.append(text)
            return super().of_text(text)

    hits = [_hit(name, "Lost badges.") for name in "abc"]

    assert hits == look_again(hits, (), Noting(), 1)
    assert read == ["Badges\nLost badges."]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The limit is 142 euros.", "The limit is 143 euros."),
        ("Use C++.", "Use C#."),
        (LEAVE.format("1999"), LEAVE.format("2003")),
    ],
)
def test_what_says_something_else_is_no_copy(first: str, second: str) -> None:
    """A number or a sign makes a difference, also among many such texts."""
    hits = [_hit("a", first), _hit("b", second), _hit("c", "Something else."), _hit("d", "d 4")]
    assert hits == look_again(hits, (), RULES, 4)


def test_headings_make_a_difference() -> None:
    """The same words under another heading are no copy."""
    hits = [_hit("a", "9 to 5", heading="Paris"), _hit("b", "9 to 5", heading="Rome")]
    assert hits == look_again(hits, (), RULES, 2)


def test_nothing_found() -> None:
    """There may be no hits."""
    assert [] == look_again([], ["a", "b"], RULES, 3)
