"""Answers kept in memory under everything that can change them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.graph.state import Answer

__all__ = ["AnswerCache", "AnswerKey"]


@dataclass(frozen=True, slots=True)
class AnswerKey:
    """All that an answer depends on; two questions with equal keys have the same answer.

    The index version grows with every write, so an answer from older documents is never found
    again and leaves by age.
    """

    question: str
    prefix: str
    metadata: frozenset[tuple[str, str]]
    top_k: int
    min_grounding: float
    evidence_tokens: int
    prompt_hash: str
    index_version: int
    model: str
    temperature: float | None
    max_tokens: int
    window_tokens: int | None


class AnswerCache:
    """The answers used last.

    Args:
        size: how many are kept.
    """

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self._answers: OrderedDict[AnswerKey, Answer] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: AnswerKey) -> Answer | None:
        """Return the answer, and count it as used."""
        answer = self._answers.get(key)
        if answer is not None:
            self._answers.move_to_end(key)
        return answer

    def put(self, key: AnswerKey, answer: Answer) -> None:
        """Keep an answer, unless it was cut off; the one unused for longest makes room for it."""
        if answer.finish_reason != "stop":
            return
        self._answers[key] = answer
        self._answers.move_to_end(key)
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)
