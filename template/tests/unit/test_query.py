"""From a user's text to full-text terms."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.ranking import MOST_TERMS, HybridRanking
from gwkit.index.sqlite.searching import match_expression

if TYPE_CHECKING:
    from collections.abc import Iterator

RANKING = HybridRanking()


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    """Return a connection with a full-text table `t` of three rows."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize = 'ascii')")
        rows = [("respons model",), ("model respons other",), ("not near",)]
        connection.executemany("INSERT INTO t (text) VALUES (?)", rows)
        yield connection


def matches(table: sqlite3.Connection, text: str) -> list[str]:
    """Return the matching rows, best first."""
    expression = match_expression(RANKING.terms(text))
    if not expression:
        return []
    rows = table.execute("SELECT text FROM t WHERE t MATCH ? ORDER BY rank", (expression,))
    return [row[0] for row in rows]


@given(text=st.text(st.characters() | st.sampled_from("\"'*^:-+(){}#.AND OR NOT NEAR")))
def test_any_text_is_data(table: sqlite3.Connection, text: str) -> None:
    """Any text is searched for, and never a syntax error."""
    matches(table, text)


@pytest.mark.parametrize("text", ["", " ", "?!", '"', "\ud800", "\0"])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    """Punctuation alone gives no terms."""
    assert [] == RANKING.terms(text)
    assert "" == match_expression(RANKING.terms(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I upload?", ["upload"]),
        ("What is it?", ["what", "is", "it"]),
        ("Wie lange gilt ein Gutschein?", ["gilt", "gutschein"]),
        ("OS der Rechner", ["os", "der", "rechner"]),
        ("upload, Upload", ["upload", "upload"]),
        ("response_model", ["respons", "model"]),
        ("os.path.join", ["os", "path", "join"]),
        ("Größe naïve", ["gross", "naiv"]),
        ("C# or C++ on .NET?", ["c#", "c++", ".net"]),
    ],
)
def test_terms_are_words_that_say_something(text: str, expected: list[str]) -> None:
    """Function words are left out, in the question's language, and repetitions count."""
    assert expected == RANKING.terms(text)


def test_a_long_text_is_cut() -> None:
    """Only the first terms of a long text are searched for."""
    terms = RANKING.terms(" ".join(f"w{number}" for number in range(1_000)))

    assert MOST_TERMS == len(terms)
    assert ("w0", f"w{MOST_TERMS - 1}") == (terms[0], terms[-1])


def test_operators_are_words(table: sqlite3.Connection) -> None:
    """The operators of the query language can be searched for."""
    assert ["not near"] == matches(table, "NEAR(")


def test_any_word_matches(table: sqlite3.Connection) -> None:
    """A chunk with some of the words is found; a chunk without any is not."""
    assert {"respons model", "model respons other"} == set(matches(table, "models zebra"))
