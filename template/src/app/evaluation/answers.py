"""Measures of answers: by rules alone, which cost nothing, and by a model that judges them."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final, Protocol

from app.graph.prompting import load_prompt
from app.graph.state import Answer, Question
from gwkit.models.messages import ChatRequest, Passage, Strict, structured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.evaluation.golden import GoldenCase
    from gwkit.models.protocols import ChatModel

__all__ = ["AnswerReport", "Answering", "evaluate_answers"]

_MARKUP = re.compile(r"[\s*_`]+")
_PROMPT: Final = Path(__file__).with_name("judge.v1.md")
_NO_ANSWER: Final = "The documents do not contain the answer, and a right answer says so."


class Answering(Protocol):
    """Answers questions, as `app.graph.answering.Answerer` does."""

    async def answer(self, question: Question) -> Answer:
        """Return the whole answer."""


class _Verdict(Strict):
    correct: bool


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """Shares of the cases, for each measure that applies to some; a line for each case that failed.

    - `answered`: of those with an `answer`, the reply holds all of its texts;
    - `cited`: of those with relevant documents, the reply cites one;
    - `refused`: of those without, the reply says that nothing was found;
    - `judged`: of all, a model finds the reply right.
    """

    scores: dict[str, float]
    failed: tuple[str, ...]


async def evaluate_answers(
    cases: Sequence[GoldenCase], answerer: Answering, *, judge: ChatModel | None = None
) -> AnswerReport:
    """Ask every question, and measure the answers.

    Args:
        cases: of a golden set.
        answerer: answers the questions.
        judge: the model that judges the answers, by default none.

    Raises:
        LLMError: a model could not answer.
        RetrievalError: the index could not answer.
    """
    outcomes = defaultdict[str, list[bool]](list)
    failed: list[str] = []
    for case in cases:
        answer = await answerer.answer(Question(question=case.question))
        found = _by_rules(case, answer)
        if judge is not None:
            found["judged"] = await _judged(case, answer, judge)
        for measure, good in found.items():
            outcomes[measure].append(good)
        if missed := [measure for measure, good in found.items() if not good]:
            failed.append(f"not {', '.join(missed)}: {case.id}: {case.question}")
    scores = {measure: fmean(good) for measure, good in sorted(outcomes.items())}
    return AnswerReport(scores, tuple(failed))


def _by_rules(case: GoldenCase, answer: Answer) -> dict[str, bool]:
    if not case.relevant:
        return {"refused": not answer.found}
    cited = any(case.relevant.get(citation.document, 0) for citation in answer.citations)
    if not case.answer:
        return {"cited": cited}
    said = _folded(answer.answer)
    return {"answered": all(_folded(text) in said for text in case.answer), "cited": cited}


def _folded(text: str) -> str:
    """Return a text without case and markup, on one line."""
    return _MARKUP.sub(" ", text).casefold()


async def _judged(case: GoldenCase, answer: Answer, judge: ChatModel) -> bool:
    expected = "\n".join(case.answer) if case.relevant else _NO_ANSWER
    texts = {"expected": expected or "(any right answer)", "given": answer.answer}
    passages = tuple(
        Passage(number=number, document=name, text=text)
        for number, (name, text) in enumerate(texts.items(), 1)
    )
    prompt = await asyncio.to_thread(load_prompt, _PROMPT)
    request = ChatRequest(
        messages=prompt.messages(case.question, passages),
        question=case.question,
        passages=passages,
        reply_type=_Verdict,
        prompt_hash=prompt.digest,
    )
    return structured(await judge.complete(request), _Verdict).correct
