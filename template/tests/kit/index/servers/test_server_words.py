"""The weights of words in sparse vectors."""

from __future__ import annotations

from gwkit.documents import Chunk
from gwkit.index.servers.words import chunk_weights, query_weights
from gwkit.text.terms import TermRules

RULES = TermRules()


def weights(title: str, heading: str, text: str) -> dict[int, float]:
    """Return the weights of a chunk."""
    return chunk_weights(RULES, title, Chunk(0, text, (heading,), 0))


def test_title_heading_and_text_weigh_the_same() -> None:
    """And a word that is said often weighs more than one that is said once, but not as often."""
    (word,) = query_weights(RULES.of_text("leave"))
    title, heading, text, often = (
        weights(*given)[word]
        for given in (
            ("leave", "x", "y"),
            ("x", "leave", "y"),
            ("x", "y", "leave"),
            ("x", "y", "leave " * 10),
        )
    )

    assert title == heading == text > 0
    assert text < often < 10 * text


def test_a_long_chunk_weighs_less() -> None:
    """A word of many says less about its chunk than a word of few."""
    (word,) = query_weights(RULES.of_text("leave"))

    assert weights("", "", "leave " + "other " * 300)[word] < weights("", "", "leave")[word]


def test_the_heaviest_terms_stay() -> None:
    """A server that bounds the terms of a vector gets those; they ascend, as servers ask."""
    chunk = Chunk(0, "rare common common often often often", (), 0)

    kept = chunk_weights(RULES, "", chunk, most=2)

    assert query_weights(RULES.of_text("common often")).keys() == kept.keys()
    assert sorted(kept) == list(kept)


def test_a_query_counts_its_terms() -> None:
    """A term that is said twice counts twice; without terms there is nothing."""
    assert [2.0] == list(query_weights(["leave", "leave"]).values())
    assert {} == query_weights([])
