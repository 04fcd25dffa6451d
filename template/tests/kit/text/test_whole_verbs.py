"""German verbs that a question takes apart."""

from __future__ import annotations

import pytest

from gwkit.text.terms import TermRules
from gwkit.text.words import question_weights, with_whole_verb


@pytest.mark.parametrize(
    ("question", "whole"),
    [
        ("Wie setze ich die Lizenz zurück?", "Wie zurücksetzen ich die Lizenz "),
        ("Wie schaltet man den Filter ein ?", "Wie einschalten man den Filter "),
        ("Wie liefere ich Dateien aus", "Wie ausliefern ich Dateien "),
    ],
)
def test_the_infinitive_takes_the_place_of_both_parts(question: str, whole: str) -> None:
    """Texts have it, or the noun that is made of it."""
    assert whole == with_whole_verb(question)


@pytest.mark.parametrize(
    "question",
    [
        "",
        "?",
        "Was ist das?",
        "Welcher Fehler kommt zurück?",  # a function word, which names nothing
        "What do I log in to and what is it an?",
        "Wie öffne ich die Tür mit dem Code 4711?",
        "Zurück?",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    """There is no particle at their end, no verb, or another language."""
    assert question == with_whole_verb(question)


def test_search_and_evidence_look_for_the_verb() -> None:
    """Both find `Zurücksetzen` by it."""
    question = "Wie setze ich die Lizenz zurück?"
    assert "zurucksetzen" in TermRules().of_query(question)
    assert question_weights(question, "de", [["zurucksetz"]]).keys() == {"zurucksetz", "lizenz"}
