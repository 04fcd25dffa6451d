"""Function words, and the language of a question by them."""

from __future__ import annotations

import pytest

from gwkit.text.stop_words import STOP_WORDS, guess_language


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


def test_function_words_are_in_small_letters() -> None:
    """They are compared with folded words."""
    assert all(word == word.casefold() for words in STOP_WORDS.values() for word in words)
