"""Measuring answers: by rules, and by a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.evaluation.answers import evaluate_answers
from app.evaluation.golden import GoldenCase
from app.graph.composition import compose, not_found
from fixtures.models import FakeChatModel, make_hit
from gwkit.errors import InvalidResponseError
from gwkit.models.messages import ChatReply, Usage

if TYPE_CHECKING:
    from app.graph.state import Answer, Question

KEYED = GoldenCase(id="keyed", question="How long?", relevant={"a.md": 1}, answer=("72 hours",))
CITED = GoldenCase(id="cited", question="Where?", relevant={"a.md": 2, "b.md": 0})
UNKNOWN = GoldenCase(id="unknown", question="Who?", relevant={})


class Replies:
    """Answers every question with one text, which cites one document."""

    def __init__(self, text: str, document: str = "a.md") -> None:
        reply = ChatReply(text=text, model="m", usage=Usage(prompt_tokens=0, completion_tokens=0))
        hits = [make_hit("text", document=document)]
        self.reply = (
            compose(reply, hits, prompt_hash="") if text else not_found("m", prompt_hash="")
        )

    async def answer(self, question: Question) -> Answer:
        """Return the answer."""
        assert question.question
        return self.reply


@pytest.mark.parametrize(
    ("text", "document", "scores"),
    [
        ("It is **72\nHours** [1].", "a.md", {"answered": 1, "cited": 1, "refused": 0}),
        ("It is 71 hours [1].", "a.md", {"answered": 0, "cited": 1, "refused": 0}),
        ("It is 72 hours [1].", "b.md", {"answered": 1, "cited": 0, "refused": 0}),
        ("", "", {"answered": 0, "cited": 0, "refused": 1}),
    ],
)
async def test_each_measure_is_a_share_of_its_cases(
    text: str, document: str, scores: dict[str, float]
) -> None:
    """A reply holds the key whatever its case and markup, and a grade of 0 is no relevant one."""
    report = await evaluate_answers([KEYED, CITED, UNKNOWN], Replies(text, document))
    assert scores == report.scores
    assert (scores["answered"] == 0) == any("answered" in line for line in report.failed)


async def test_what_no_case_has_is_not_measured() -> None:
    """A share of nothing would be a number without meaning."""
    replies = Replies("It is so [1].")
    assert {"cited": 1.0} == (await evaluate_answers([CITED], replies)).scores
    assert {} == (await evaluate_answers([], replies)).scores


async def test_failed_cases_are_named() -> None:
    """With what they failed, and their question."""
    report = await evaluate_answers([KEYED, UNKNOWN], Replies("", ""))
    assert ("not answered, cited: keyed: How long?",) == report.failed


async def test_a_model_judges_every_case() -> None:
    """It gets the question, what is expected and what was answered, as data."""
    judge = FakeChatModel('{"correct": true}', '{"correct": false}')
    report = await evaluate_answers([KEYED, UNKNOWN], Replies("It is 71 hours [1]."), judge=judge)
    assert report.scores["judged"] == 0.5
    first, second = judge.requests
    assert ["72 hours", "It is 71 hours [1]."] == [each.text for each in first.passages]
    assert "do not contain the answer" in second.passages[0].text
    assert "How long?" in first.messages[-1].content
    assert "71 hours" in first.messages[-1].content


async def test_a_judge_must_decide() -> None:
    """Another reply than a verdict is an error, not a bad answer."""
    with pytest.raises(InvalidResponseError):
        await evaluate_answers([KEYED], Replies("It [1]."), judge=FakeChatModel("perhaps"))
