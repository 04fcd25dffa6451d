"""The cache of answers: bounded, and keyed by all that can change an answer."""

from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest

from app.graph.cache import AnswerCache, AnswerKey
from app.graph.state import Answer
from gwkit.models.messages import Usage

KEY = AnswerKey(
    question="q",
    prefix="",
    metadata=frozenset(),
    top_k=6,
    min_grounding=0.5,
    evidence_tokens=1000,
    prompt_hash="abc",
    index_version=1,
    model="fake:one",
    temperature=0.0,
    max_tokens=100,
    window_tokens=None,
)


def answer(text: str) -> Answer:
    """Return an answer with this text."""
    usage = Usage(prompt_tokens=1, completion_tokens=1)
    return Answer(
        answer=text, citations=(), model="fake:one", usage=usage, found=False, prompt_hash="abc"
    )


@pytest.mark.parametrize("name", [field.name for field in fields(AnswerKey)])
def test_every_part_of_the_key_tells_answers_apart(name: str) -> None:
    """An answer is never given where anything that it depends on is different."""
    cache = AnswerCache()
    cache.put(KEY, answer("mine"))
    other = AnswerKey(**{**asdict(KEY), name: "another"})
    assert cache.get(other) is None
    assert answer("mine") == cache.get(replace(KEY))


def test_the_one_not_used_for_longest_leaves() -> None:
    """The cache keeps its size, and a look counts as use."""
    cache = AnswerCache(size=2)
    first, second, third = (replace(KEY, question=text) for text in ("1", "2", "3"))
    cache.put(first, answer("1"))
    cache.put(second, answer("2"))
    assert cache.get(first)
    cache.put(third, answer("3"))
    assert len(cache) == 2
    assert [key.question for key in (first, second, third) if cache.get(key)] == ["1", "3"]


def test_an_answer_that_was_cut_off_is_not_kept() -> None:
    """The next one may be complete."""
    cache = AnswerCache()
    cache.put(KEY, answer("mi").model_copy(update={"finish_reason": "length"}))
    assert cache.get(KEY) is None


def test_a_newer_answer_takes_the_place() -> None:
    """The same key holds one answer."""
    cache = AnswerCache(size=2)
    cache.put(KEY, answer("old"))
    cache.put(KEY, answer("new"))
    assert (len(cache), cache.get(KEY)) == (1, answer("new"))
