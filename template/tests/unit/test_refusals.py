"""What an answer says when there is none."""

from __future__ import annotations

import pytest

from app.graph.composition import not_found
from app.graph.refusals import explain
from fixtures.models import make_hit
from gwkit.models.messages import NOT_FOUND
from gwkit.text.stop_words import STOP_WORDS

HITS = tuple(
    make_hit(f"Passage {position}.", position=position, headings=("Lockers", "Hold time"))
    for position in range(5)
)
NOTHING = not_found("fake:scripted", prompt_hash="")


def test_it_lists_the_nearest_passages() -> None:
    """The first three hits, so that a refusal is no dead end."""
    answer = explain(NOTHING, "Who won the cup?", HITS)
    assert (answer.answer, answer.found) == (NOT_FOUND, False)
    assert ["guide.md#0", "guide.md#1", "guide.md#2"] == [near.chunk for near in answer.nearest]
    assert answer.nearest[0].heading == "Lockers > Hold time"
    assert answer.nearest[0].text == "Passage 0."


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Wer hat den Pokal gewonnen?", "Die Antwort wurde in den Dokumenten nicht gefunden."),
        ("Qui a gagné la coupe ?", "La réponse ne se trouve pas dans les documents."),
        ("¿Quién ganó la copa?", "La respuesta no se encontró en los documentos."),
        ("谁赢了", NOT_FOUND),
    ],
)
def test_it_speaks_the_question_s_language(question: str, text: str) -> None:
    """English takes the place of a language without a text."""
    assert text == explain(NOTHING, question, ()).answer


@pytest.mark.parametrize("question", ["And how is it?", "Und was ist damit?", "¿Y eso?", "???"])
def test_a_question_that_names_nothing_is_asked_back_for(question: str) -> None:
    """There is nothing to look for, so no passage is near it either."""
    answer = explain(NOTHING, question, HITS)
    assert "?" in answer.answer
    assert (answer.found, answer.nearest) == (False, ())


def test_another_answer_stays_as_it_is() -> None:
    """Only what was not found needs other words."""
    other = NOTHING.model_copy(update={"answer": "72 hours [1].", "found": True})
    assert explain(other, "How long?", HITS) is other


def test_each_language_has_its_texts() -> None:
    """A language whose function words are known is answered in."""
    questions = [" ".join(words) for words in STOP_WORDS.values()]
    assert len(STOP_WORDS) == len({explain(NOTHING, each, ()).answer for each in questions})
