"""The cache of answers: bounded, and keyed by everything that affects an answer."""

from __future__ import annotations

import pytest

from app.graph.cache import AnswerCache, answer_key
from app.graph.state import Answer, Question, Turn
from gwkit.index.store import Filters
from gwkit.models.messages import Usage

QUESTION = Question(question="q")
OTHERS = {
    "question": "other",
    "filters": Filters(metadata={"type": "pdf"}),
    "top_k": 3,
    "temperature": 0.5,
    "max_tokens": 9,
    "model": "fake:two",
    "messages": (Turn(role="user", content="before"),),
}


def answer(text: str) -> Answer:
    """Return an answer with this text."""
    usage = Usage(prompt_tokens=1, completion_tokens=1)
    return Answer(
        answer=text, citations=(), model="fake:one", usage=usage, found=False, prompt_hash="abc"
    )


def test_every_part_of_a_question_is_tried() -> None:
    """A new field of a question needs a line above."""
    assert set(Question.model_fields) == set(OTHERS)


@pytest.mark.parametrize("name", OTHERS)
def test_every_part_of_a_question_tells_answers_apart(name: str) -> None:
    """A different question never gets the same answer."""
    other = QUESTION.model_copy(update={name: OTHERS[name]})
    assert answer_key(QUESTION, 1) == answer_key(Question(question="q"), 1)
    assert answer_key(QUESTION, 1) != answer_key(other, 1)


def test_an_index_of_another_version_has_other_answers() -> None:
    """The prefix and the metadata count, and a write invalidates every answer."""
    below = QUESTION.model_copy(update={"filters": Filters(prefix="docs/")})
    assert 3 == len({answer_key(QUESTION, 1), answer_key(QUESTION, 2), answer_key(below, 1)})


def test_the_one_not_used_for_longest_leaves() -> None:
    """The cache keeps its size, and a lookup counts as use."""
    cache = AnswerCache(size=2)
    cache.put((1, "a"), answer("a"))
    cache.put((1, "b"), answer("b"))
    assert cache.get((1, "a")) == answer("a")
    cache.put((1, "c"), answer("c"))
    assert [text for text in "abc" if cache.get((1, text))] == ["a", "c"]


def test_an_answer_that_was_cut_off_is_not_kept() -> None:
    """The next one may be complete."""
    cache = AnswerCache()
    cache.put((1, "a"), answer("mi").model_copy(update={"finish_reason": "length"}))
    assert cache.get((1, "a")) is None


def test_a_newer_answer_takes_the_place() -> None:
    """The same key holds one answer."""
    cache = AnswerCache(size=2)
    cache.put((1, "a"), answer("old"))
    cache.put((1, "b"), answer("b"))
    cache.put((1, "a"), answer("new"))
    assert [cache.get((1, text)) for text in "ab"] == [answer("new"), answer("b")]
