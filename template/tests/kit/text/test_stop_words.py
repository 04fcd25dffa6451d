"""Function words, and the language of a question by them."""

from __future__ import annotations

import pytest

from gwkit.text.stop_words import STOP_WORDS
from gwkit.text.terms import TermRules
from gwkit.text.words import guess_language


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("How long does a parcel wait?", "en"),
        ("Was kostet der Versand?", "de"),
        ("Wozu dient das Depot?", "de"),
        ("Qui a gagné ?", "fr"),
        ("Qu\u2019est-ce que c\u2019est ?", "fr"),
        ("¿Cómo instalo el programa?", "es"),
        ("Che cosa è Docker?", "it"),
        ("O que é isso?", "pt"),
        ("Hoe lang wacht een pakket?", "nl"),
        ("Docker?", "en"),
        ("", "en"),
    ],
)
def test_a_question_has_the_language_of_its_function_words(question: str, language: str) -> None:
    """A few words suffice, and without any it is English."""
    assert language == guess_language(question)


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("Was nehme ich, wenn ich beide Kisten verwenden möchte?", ["kisten"]),
        ("Comment dois-je m'y prendre pour obtenir un colis ?", ["coli"]),
        ("¿Qué tengo que poner para ver un paquete?", ["paquet"]),
        ("Which boxes do I get to use?", ["box"]),
    ],
)
def test_verbs_that_say_little_are_function_words(question: str, terms: list[str]) -> None:
    """To take, to put, to get, to use: texts say these in many ways, in every language."""
    assert terms == TermRules().of_query(question)


@pytest.mark.parametrize(
    ("word", "language"), [("Benutzer", "de"), ("mot de passe", "fr"), ("usuarios", "es")]
)
def test_nouns_that_are_spelt_alike_are_searched_for(word: str, language: str) -> None:
    """No function word has the stem of a frequent noun."""
    questions = {"de": "Was ist ein {}?", "fr": "Où est le {} ?", "es": "¿Qué es un {}?"}
    assert (
        TermRules().of_query(questions[language].format(word))[-1:]
        == (TermRules().of_text(word)[-1:])
    )


def test_function_words_are_in_small_letters() -> None:
    """They are compared with folded words."""
    assert all(word == word.casefold() for words in STOP_WORDS.values() for word in words)
