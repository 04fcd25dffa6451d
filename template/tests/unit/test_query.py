"""From a user's text to full-text terms."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.retrieval.ranking import MOST_TERMS, query_terms
from gwkit.index.sqlite.searching import match_expression

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    """Return a connection with a full-text table `t` of three rows."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(text, tokenize = 'porter unicode61')")
        rows = [("the response model",), ("a model of a response",), ("NOT near",)]
        connection.executemany("INSERT INTO t (text) VALUES (?)", rows)
        yield connection


def matches(table: sqlite3.Connection, text: str) -> list[str]:
    """Return the matching rows, best first."""
    expression = match_expression(query_terms(text))
    if not expression:
        return []
    rows = table.execute("SELECT text FROM t WHERE t MATCH ? ORDER BY rank", (expression,))
    return [row[0] for row in rows]


@given(text=st.text(st.characters() | st.sampled_from("\"'*^:-+(){}AND OR NOT NEAR")))
def test_any_text_is_data(table: sqlite3.Connection, text: str) -> None:
    """Any text is searched for, and never a syntax error."""
    matches(table, text)


@pytest.mark.parametrize("text", ["", " ", "?!", '"', "\ud800", "\0"])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    """Punctuation alone gives no terms."""
    assert [] == query_terms(text)
    assert "" == match_expression(query_terms(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("How do I upload?", ["how", "do", "i", "upload"]),
        ("GET get Get", ["get"]),
        ("response_model", ["response", "model", "response_model"]),
        ("a real-time chat", ["a", "real", "time", "chat", "real-time"]),
        ("os.path.join", ["os", "path", "join", "os.path.join"]),
        ("Größe naïve", ["grösse", "naïve"]),
        ("end. Start", ["end", "start"]),
        ("a-b_c.d-e-f", [*"abcdef", "a-b_c.d-e-f"]),
        ("a-b-c-d-e-f-g", [*"abcdefg"]),  # too many parts for a compound
        ("a-b a-c a-d a-e a-f", [*"abcdef", "a-b", "a-c", "a-d", "a-e"]),  # too many names
        (f"{'x' * 100} {'y' * 101} y-{'z' * 99}", ["x" * 100, "y", "z" * 99]),  # too long
    ],
)
def test_terms_are_words_and_compounds(text: str, expected: list[str]) -> None:
    """Each word occurs once, in lower case; compound names are added."""
    assert expected == query_terms(text)


def test_a_long_text_is_cut() -> None:
    """Only the first distinct terms of a long text are searched for."""
    terms = query_terms(" ".join(f"w{number} w{number}" for number in range(1_000)))

    assert MOST_TERMS == len(terms)
    assert ("w0", f"w{MOST_TERMS - 1}") == (terms[0], terms[-1])


def test_operators_are_words(table: sqlite3.Connection) -> None:
    """The operators of the query language can be searched for."""
    assert ["NOT near"] == matches(table, "NOT NEAR(")


def test_any_word_matches(table: sqlite3.Connection) -> None:
    """A chunk with some of the words is found; a chunk without any is not."""
    assert {"the response model", "a model of a response"} == set(matches(table, "models zebra"))


def test_a_compound_ranks_what_has_its_parts_in_a_row(table: sqlite3.Connection) -> None:
    """Adjacent parts rank better than separate ones."""
    assert ["the response model", "a model of a response"] == matches(table, "response_model")
