"""Distinguishing evidence from mere hits."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import pytest

from app.graph.evidence import check_evidence, passages
from fixtures.models import make_hit
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.index.store import Hit

HITS = (
    make_hit("A parcel waits for 72 hours.", headings=("Lockers", "Hold time")),
    make_hit("Parcel lockers stand at stations.", position=1, headings=("Lockers",), score=0.8),
    make_hit("The canteen opens at noon.", document="b.md", headings=("Lockers",), score=0.5),
)
MANY = 10_000


def coverage(question: str, hits: Sequence[Hit] = HITS[:1]) -> float:
    """Return the share of the question that the hits cover, by default only the first."""
    return check_evidence(question, hits, min_grounding=0.5, max_tokens=MANY).coverage


@pytest.mark.parametrize(
    "question",
    [
        "How long does a parcel wait?",
        "How long does a parcle wait?",  # by its nearest spelling
        "What is the hold time?",  # headings count
    ],
)
def test_a_hit_with_every_word_covers_the_question(question: str) -> None:
    """Words are compared by stem, in any case."""
    assert 1.0 == coverage(question)


def test_a_missing_word_weighs_more_than_a_common_one() -> None:
    """A question about something else is not covered by what all documents are about."""
    absent, in_all = (1 + log(1 + (3 - n + 0.5) / (n + 0.5)) for n in (0, 3))
    assert pytest.approx(in_all / (in_all + absent)) == coverage("Do lockers swim?", HITS)
    assert coverage("Do lockers swim?", HITS) < coverage("Does a parcel swim?", HITS) < 0.5
    assert 0.0 == coverage("Who won the cup?", HITS) == coverage("What is it?", HITS)
    assert coverage("Who won the cup?", ()) == 0.0


def test_the_best_hit_counts_most_and_the_two_after_it_as_well() -> None:
    """What the documents are about stands in more than one place."""
    hits = [make_hit(text, position=at) for at, text in enumerate(("Cats purr.", *["Dogs."] * 9))]
    assert pytest.approx((1 + 1 / 3) / 2) == coverage("Do cats purr?", hits)
    assert coverage("Do cats purr?", hits[:1]) == 1.0


def test_further_hits_only_say_how_rare_words_are() -> None:
    """They are no evidence themselves, and not sent to a model."""
    hits = [make_hit("Cats purr."), *(make_hit("Cats mew.", position=at) for at in range(1, 9))]
    found = check_evidence("Do cats bark?", hits, min_grounding=0.1, max_tokens=MANY, most=1)
    assert tuple(hits[:1]) == found.hits
    assert found.coverage < coverage("Do cats bark?", hits[:1])


@pytest.mark.parametrize(
    ("question", "covered"),
    [
        ("Was steht im Mietvertrag?", True),  # a part of it
        ("Wer stellt die Verlängerung aus?", True),
        ("Wie setze ich die Vertragsverlängerung um?", True),  # its verb counts half
        ("Welche Wasserfarbe ist es?", False),
    ],
)
def test_german_compounds_agree_with_their_parts_and_nouns_count_twice(
    question: str, covered: bool
) -> None:
    """Long words are written as one, and verbs are said in many ways."""
    hits = [make_hit("Der Vertrag und seine Verlängerung."), make_hit("Anderes.", position=1)]
    assert covered is (coverage(question, hits[:1]) >= 0.5)


def test_words_are_those_of_the_question_s_language() -> None:
    """Function words of another language do not count, and nouns are no names."""
    hits = [make_hit("Das Paket wartet 72 Stunden."), make_hit("Was the parcel late?", position=1)]
    found = check_evidence("Wie lange warten Pakete?", hits, min_grounding=0.5, max_tokens=MANY)
    assert (1.0, tuple(hits[:1])) == (found.coverage, found.hits)


def test_the_three_best_hits_count_where_there_are_so_many() -> None:
    """A small index says a thing once, and in a large one its subject comes up more often."""
    hits = [make_hit("Parcels wait."), *(make_hit("The canteen.", position=n) for n in (1, 2))]
    found = [coverage("Do parcels wait?", hits[:most]) for most in (1, 2, 3)]
    assert [1.0, 1.0, pytest.approx(2 / 3)] == found


def test_words_scattered_over_hits_are_no_evidence() -> None:
    """One hit has to have all of them."""
    assert coverage("Does the canteen have a parcel station?", HITS) < 0.6


def test_below_the_least_coverage_nothing_is_evidence() -> None:
    """The answer is that the documents do not contain it."""
    question = "How long does a parcel swim?"
    assert check_evidence(question, HITS, min_grounding=0.5, max_tokens=MANY).hits == ()
    assert check_evidence(question, HITS, min_grounding=0.2, max_tokens=MANY).hits == HITS[:2]


def test_hits_without_any_word_are_dropped() -> None:
    """The other hits keep their order."""
    evidence = check_evidence(
        "How long does a parcel wait?", HITS, min_grounding=0.5, max_tokens=MANY
    )
    assert HITS[:2] == evidence.hits


def test_without_grounding_every_hit_is_evidence() -> None:
    """A semantic search may find passages without common words."""
    assert HITS == check_evidence("Qui a gagn\u00e9 ?", HITS, min_grounding=0, max_tokens=MANY).hits
    assert check_evidence("???", (), min_grounding=0, max_tokens=MANY).hits == ()


@pytest.mark.parametrize(("spare", "kept"), [(0, 2), (-1, 1), (-MANY, 1), (MANY, 2)])
def test_whole_chunks_are_dropped_from_the_end(spare: int, kept: int) -> None:
    """The lowest are left out to keep the budget, and the best always stays."""
    budget = sum(count_tokens(hit.text) for hit in HITS[:2]) + spare
    evidence = check_evidence("Where is the parcel?", HITS, min_grounding=0.5, max_tokens=budget)
    assert HITS[:kept] == evidence.hits


def test_passages_are_numbered_hits() -> None:
    """The model gets them numbered from 1, with the path of their headings, or else the title."""
    first, second = passages([HITS[0], make_hit("text")])
    assert (1, "guide.md", "Lockers > Hold time") == (first.number, first.document, first.heading)
    assert (2, "text", "") == (second.number, second.text, second.heading)


def test_of_a_long_question_the_beginning_counts() -> None:
    """The limit is that of the search."""
    assert 1.0 == coverage("How long does a parcel wait? " + " " * 10_000 + "And where is Mars?")
