"""Keeps answers in memory until something that they depend on changes."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from app.graph.state import Answer, Question

__all__ = ["AnswerCache", "AnswerKey", "answer_key"]

AnswerKey: TypeAlias = "tuple[int, str]"


def answer_key(question: Question, index_version: int) -> AnswerKey:
    """Return what the answer to a question is kept under: all that the question says.

    The rest that an answer depends on is the same as long as the process runs: model, prompt and
    settings. The index version grows with every write, so an answer from older documents is never
    found again and leaves by age.
    """
    return index_version, question.model_dump_json()


class AnswerCache:
    """The answers used last.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._answers: OrderedDict[AnswerKey, Answer] = OrderedDict()

    def get(self, key: AnswerKey) -> Answer | None:
        """Return the answer, and count it as used."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def put(self, key: AnswerKey, answer: Answer) -> None:
        """Keep an answer, unless it was cut off; the one unused for longest makes room for it."""
        if answer.finish_reason != "stop":
            return
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)
