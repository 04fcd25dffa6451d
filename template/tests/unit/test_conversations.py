"""A conversation: its last question is rewritten, and answered like any other."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from app.graph.prompting import load_prompt
from app.graph.rewriting import ModelRewriter
from app.graph.state import Question, Turn
from fixtures.configuration import REGISTRY
from fixtures.models import FakeChatModel
from gwkit.errors import RateLimitError
from gwkit.models.messages import NOT_FOUND
from unit.test_answering import Bench

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings

BEFORE = (
    Turn(role="user", content="How long does a parcel wait?"),
    Turn(role="assistant", content="For 72 hours [1]."),
)
FOLLOW_UP = Question(question="What does it cost?", messages=BEFORE)
REWRITTEN = "What does a parcel cost?"
PROMPT = load_prompt(
    Path(REGISTRY.prompts.parts["rewrite.v1"]), frozenset({"conversation", "question"})
)


@pytest.fixture(params=sorted(REGISTRY.orchestrations.parts))
def make_settings(make_settings: MakeSettings, request: pytest.FixtureRequest) -> MakeSettings:
    """Return a maker of settings, for each orchestration in turn."""
    return partial(make_settings, orchestration=request.param)


async def test_a_follow_up_is_answered_as_a_question_of_its_own(
    make_settings: MakeSettings,
) -> None:
    """The rewritten question is searched, sent, returned and logged where content may be."""
    bench = Bench(make_settings, FakeChatModel("3.50 [3]."), log_content=True)
    with capture_logs() as logs:
        answer = await bench.answerer.answer(FOLLOW_UP)

    (request,) = bench.model.requests
    assert REWRITTEN == answer.question == request.question == bench.retriever.searches[0][0]
    (event,) = [log for log in logs if log["event"] == "question_rewritten"]
    assert (True, REWRITTEN) == (event["changed"], event["question"])


async def test_the_log_has_no_content_unless_it_may(make_settings: MakeSettings) -> None:
    """Only that there was a follow-up is logged."""
    bench = Bench(make_settings, FakeChatModel("3.50 [3]."))
    with capture_logs() as logs:
        await bench.answerer.answer(FOLLOW_UP)

    assert "parcel" not in str([log for log in logs if log["event"] == "question_rewritten"])


async def test_the_cache_knows_the_rewritten_question(make_settings: MakeSettings) -> None:
    """Whoever asks the whole question gets the same answer, without another call."""
    bench = Bench(make_settings, FakeChatModel("3.50 [3]."), enable_caching=True)

    first = await bench.answerer.answer(FOLLOW_UP)
    again = await bench.answerer.answer(Question(question=REWRITTEN))

    assert first.answer == again.answer
    assert 1 == len(bench.model.requests)


async def test_a_model_can_rewrite(make_settings: MakeSettings) -> None:
    """It gets the conversation as data, and its reply is the question."""
    bench = Bench(make_settings, FakeChatModel("3.50 [3]."))
    model = FakeChatModel("What is the price of\na parcel?")
    bench.answerer.rewriter = ModelRewriter(model, PROMPT)

    answer = await bench.answerer.answer(FOLLOW_UP)

    (request,) = model.requests
    assert "What is the price of a parcel?" == answer.question
    assert "user: How long does a parcel wait?" in request.messages[1].content
    assert PROMPT.digest == request.prompt_hash


@pytest.mark.parametrize("reply", [RateLimitError("wait"), NOT_FOUND, "", "x" * 3_000])
async def test_the_rules_rewrite_where_the_model_fails(
    make_settings: MakeSettings, reply: str | Exception
) -> None:
    """An error, a refusal or a long text is no question."""
    bench = Bench(make_settings, FakeChatModel("3.50 [3]."))
    bench.answerer.rewriter = ModelRewriter(FakeChatModel(reply), PROMPT)

    assert REWRITTEN == (await bench.answerer.answer(FOLLOW_UP)).question


async def test_a_first_question_calls_no_rewriter(make_settings: MakeSettings) -> None:
    """Without messages the question is the user's."""
    bench = Bench(make_settings, FakeChatModel("3.50 [3]."))
    bench.answerer.rewriter = ModelRewriter(FakeChatModel(), PROMPT)

    answers = await asyncio.gather(bench.answerer.answer(Question(question="What does it cost?")))

    assert "What does it cost?" == answers[0].question


@pytest.mark.parametrize(
    "messages",
    [
        BEFORE * 26,
        (Turn(role="user", content="a" * 60_000), Turn(role="assistant", content="a" * 60_000)),
    ],
    ids=["many", "long"],
)
def test_a_conversation_is_bounded(messages: tuple[Turn, ...]) -> None:
    """Neither more than 50 messages nor more than 100,000 characters."""
    with pytest.raises(ValidationError, match="messages"):
        Question(question="q", messages=messages)
