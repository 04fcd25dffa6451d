"""The terms of a full-text index."""

from __future__ import annotations

import tracemalloc
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.config.settings import Language
from gwkit.text.terms import AUTO, LANGUAGES, TermRules

RULES = TermRules()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Running shoes", ["run", "shoe"]),
        (
            "C, C# and C++ or F# on .NET and ASP.NET",
            ["c", "c#", "and", "c++", "or", "f#", "on", ".net", "and", "asp", ".net"],
        ),
        ("x++ #1 end.Start F#m", ["x", "1", "end", "start", "f#", "m"]),
        ("Größe FÚTBOL", ["gross", "futbol"]),
        ("休假", ["休假", "休", "假"]),
        ("Python程序", ["python", "程序", "程", "序"]),
        ("ｶﾞｲﾄﾞ", ["ガイ", "イド", "ガ", "イ", "ド"]),
        ("документами", ["докум"]),
        ("x" * 200, ["x" * 100]),
        ("", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    """They depend on the script of a word."""
    assert terms == RULES.of_text(text)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "Häuser", "Haus"),
        ("fr", "chevaux", "cheval"),
        ("ru", "университетами", "университет"),
        ("ru", "cats", "cat"),
    ],
)
def test_a_language_has_its_own_stems(language: str, one: str, other: str) -> None:
    """Forms that the rule of the script keeps apart are one term."""
    rules = TermRules(language)
    assert rules.of_text(one) == rules.of_text(other)


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_can_be_set(language: str) -> None:
    """Its rules have a name in the manifest, by which they are found again."""
    rules = TermRules(language)
    assert rules == TermRules.named(rules.name)
    assert rules.of_text("Straße 7") == rules.of_text("straße 7")


def test_settings_list_the_languages() -> None:
    """What can be set is what there are rules for."""
    assert (AUTO, *LANGUAGES) == get_args(Language)


@given(text=st.text())
@example("50 \u3390")
@example("\u0640 a\ufcf2b")
def test_a_term_can_be_stored_and_quoted(text: str) -> None:
    """No term is empty or holds a space, a quotation mark or a capital letter of ASCII."""
    for term in RULES.of_text(text):
        assert [term] == term.split()
        assert '"' not in term
        assert not any("A" <= character <= "Z" for character in term)


@pytest.mark.parametrize(
    ("slip", "term"),
    [("retreiv", "retriev"), ("retrev", "retriev"), ("retriiev", "retriev"), ("дакум", "докум")],
)
def test_spellings_are_one_slip_away(slip: str, term: str) -> None:
    """A letter is missing, too many, wrong or in its neighbour's place."""
    assert term in RULES.spellings(slip)


@pytest.mark.parametrize("term", ["cat", "c++", "程序", "2026", "x" * 31])
def test_some_terms_have_no_other_spelling(term: str) -> None:
    """Short words, names and numbers are not guessed at."""
    assert [] == RULES.spellings(term)


def test_a_language_without_function_words_keeps_all() -> None:
    """Function words of other languages are not left out."""
    assert ["what", "is", "kot"] == TermRules("pl").of_query("what is kot")


@pytest.mark.parametrize("language", [AUTO, "de"])
@pytest.mark.parametrize("letter", ["a", "\u00e4", "\u03b1"])
def test_long_words_are_not_remembered(letter: str, language: str) -> None:
    """Terms of earlier words are kept in memory, but not those of very long words."""
    rules = TermRules(language)
    texts = (letter * (20_000 + number) for number in range(50))
    rules.of_text(letter * 19_999)  # loads the rules of the language
    tracemalloc.start()
    try:
        terms = [rules.of_text(text) for text in texts]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert all(0 < len(term) <= 100 for (term,) in terms)
    assert held < 500_000
