"""From a question to an answer whose citations are retrieved chunks."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from app.graph.prompting import load_prompt
from app.graph.state import Answer, Question
from app.utils.once import AsyncOnce
from fixtures.configuration import REGISTRY
from fixtures.models import FakeChatModel, FixedRetriever, make_hit
from gwkit.errors import (
    InvalidResponseError,
    RateLimitError,
    RetrievalError,
    TokenLimitError,
    UnknownModelError,
)
from gwkit.index.store import Filters
from gwkit.models.messages import NOT_FOUND, Delta
from gwkit.telemetry.metrics import Metrics
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from app.graph.prompting import PromptFile
    from fixtures.configuration import MakeSettings
    from gwkit.index.store import Index
    from gwkit.models.messages import FinishReason

HITS = (
    make_hit("A parcel waits for 72 hours.", document="hold.md"),
    make_hit("A parcel can be extended by 48 hours.", document="hold.md", position=1, score=0.9),
    make_hit("A parcel costs 3.50 euros.", document="prices.md", score=0.8),
    make_hit("A parcel must be packed well.", document="packing.md", score=0.7),
)
PROMPT_PATH = REGISTRY.prompts.parts["answer.v1"]
QUESTION = Question(question="How long does a parcel wait?")


@pytest.fixture(params=sorted(REGISTRY.orchestrations.parts))
def make_settings(make_settings: MakeSettings, request: pytest.FixtureRequest) -> MakeSettings:
    """Return a maker of settings, for each orchestration in turn."""
    return partial(make_settings, orchestration=request.param)


class CountingIndex:
    """An index that only returns its version."""

    number = 1

    async def version(self) -> int:
        """Return the number."""
        return self.number


class Bench:
    """An answerer with all its parts."""

    def __init__(
        self,
        make_settings: MakeSettings,
        model: FakeChatModel,
        prompt: AsyncOnce[PromptFile] | None = None,
        **settings: object,
    ) -> None:
        self.model = model
        self.index = CountingIndex()
        self.metrics = Metrics()
        self.retriever = FixedRetriever(HITS)
        values = make_settings(**settings)
        self.answerer = REGISTRY.orchestrations.parts[values.orchestration]()(
            retriever=self.retriever,
            model=model,
            index=cast("Index", self.index),
            metrics=self.metrics,
            settings=values,
            prompt=prompt or AsyncOnce(partial(asyncio.to_thread, load_prompt, PROMPT_PATH)),
        )

    async def stream(self, question: Question = QUESTION) -> tuple[str, Answer]:
        """Return the streamed text, and the answer at its end."""
        pieces = [piece async for piece in self.answerer.stream(question)]
        *deltas, answer = pieces
        assert isinstance(answer, Answer)
        return "".join(delta.text for delta in deltas if isinstance(delta, Delta)), answer

    def count(self, outcome: str) -> bool:
        """Return whether exactly one answer has this outcome."""
        return f'answers_total{{outcome="{outcome}"}} 1.0' in self.metrics.exposition().decode()


async def test_an_answer_cites_what_was_retrieved(make_settings: MakeSettings) -> None:
    """The first citation of the text is the first in the list; invented numbers are removed."""
    bench = Bench(make_settings, FakeChatModel("It is 3.50 [3], for 72 hours [1][9]."))
    answer = await bench.answerer.answer(QUESTION)
    assert answer.answer == "It is 3.50 [1], for 72 hours [2]."
    assert [(each.chunk, each.text, each.score) for each in answer.citations] == [
        ("prices.md#0", "A parcel costs 3.50 euros.", 0.8),
        ("hold.md#0", "A parcel waits for 72 hours.", 1.0),
    ]
    assert answer.found
    assert answer.model == "fake:scripted"
    assert answer.usage.total_tokens > 0
    assert bench.count("answered")


async def test_the_request_has_what_the_settings_say(make_settings: MakeSettings) -> None:
    """The model gets the whole prompt, its parts, its hash and the options."""
    bench = Bench(
        make_settings, FakeChatModel("72 hours [1]."), temperature=0.7, max_tokens=99, top_k=2
    )
    answer = await bench.answerer.answer(QUESTION)
    (request,) = bench.model.requests
    assert (request.temperature, request.max_tokens) == (0.7, 99)
    assert [passage.text for passage in request.passages] == [hit.text for hit in HITS[:2]]
    assert all(passage.text in request.messages[1].content for passage in request.passages)
    assert request.prompt_hash == answer.prompt_hash
    assert len(answer.prompt_hash) == 64


async def test_a_question_goes_before_the_settings(make_settings: MakeSettings) -> None:
    """Each option of a question is used, also if it is 0."""
    bench = Bench(make_settings, FakeChatModel("72 hours [1]."), temperature=0.7)
    filters = Filters(prefix="hold")
    question = Question(
        question="How long does a parcel wait?",
        filters=filters,
        top_k=1,
        temperature=0.0,
        max_tokens=5,
        model="fake:scripted",
    )
    await bench.answerer.answer(question)
    (request,) = bench.model.requests
    assert (request.temperature, request.max_tokens, len(request.passages)) == (0.0, 5, 1)
    assert bench.retriever.searches == [
        ("How long does a parcel wait?", 20, filters)
    ]  # 19 for the words' rarity


async def test_the_prompt_is_read_once(make_settings: MakeSettings) -> None:
    """The first of many concurrent questions reads it."""
    reads: list[int] = []

    async def read() -> PromptFile:
        reads.append(1)
        return await asyncio.to_thread(load_prompt, PROMPT_PATH)

    model = FakeChatModel(*["72 hours [1]."] * 5)
    bench = Bench(make_settings, model, prompt=AsyncOnce(read))
    await asyncio.gather(*(bench.answerer.answer(QUESTION) for _ in range(5)))
    assert (1, 5) == (len(reads), len(model.requests))


async def test_without_evidence_the_model_is_not_asked(make_settings: MakeSettings) -> None:
    """Nothing is invented, and there is no cost."""
    bench = Bench(make_settings, FakeChatModel())
    answer = await bench.answerer.answer(Question(question="Who won the cup?"))
    assert (answer.answer, answer.found, answer.citations) == (NOT_FOUND, False, ())
    assert (answer.usage.total_tokens, answer.model) == (0, "fake:scripted")
    assert bench.model.requests == []
    assert bench.count("not_found")


@pytest.mark.parametrize(
    ("reply", "warned"),
    [
        (NOT_FOUND, False),
        (f"{NOT_FOUND} But [1] says more.", False),
        ("It is 72 hours.", True),
        ("It is 72 hours [7].", True),
    ],
)
async def test_what_is_not_cited_is_not_found(
    make_settings: MakeSettings, reply: str, *, warned: bool
) -> None:
    """An answer without citations is not returned, and the log says so."""
    bench = Bench(make_settings, FakeChatModel(reply))
    with capture_logs() as logs:
        answer = await bench.answerer.answer(QUESTION)
    assert (answer.answer, answer.found, answer.citations) == (NOT_FOUND, False, ())
    told = [e["log_level"] for e in logs if e["event"] == "answer_without_citation"]
    assert (["warning"] if warned else []) == told
    assert bench.count("not_found")


async def test_an_answer_that_was_cut_off_says_so(make_settings: MakeSettings) -> None:
    """The caller and the log know; it is not cached, because the next one may be complete."""
    model = FakeChatModel("72 hours [1]. Except", "72 hours [1].")
    bench = Bench(make_settings, model, enable_caching=True)
    model.finish_reason = "length"
    with capture_logs() as logs:
        cut_off = await bench.answerer.answer(QUESTION)
    model.finish_reason = "stop"
    complete = await bench.answerer.answer(QUESTION)
    assert (True, "length", "stop") == (
        cut_off.found,
        cut_off.finish_reason,
        complete.finish_reason,
    )
    assert {"answer_cut_off", "question_answered"} <= {each["event"] for each in logs}
    assert ["length"] == [each["finish_reason"] for each in logs if "finish_reason" in each]


@pytest.mark.parametrize(
    ("reply", "finish_reason"),
    [("", "stop"), (" \n", "stop"), ("It is 72", "length"), (NOT_FOUND[:15], "length")],
)
async def test_a_model_that_did_not_answer_has_failed(
    make_settings: MakeSettings, reply: str, finish_reason: FinishReason
) -> None:
    """The outcome is an error, not "not found"."""
    for stream in (False, True):
        model = FakeChatModel(reply)
        model.finish_reason = finish_reason
        bench = Bench(make_settings, model)
        with pytest.raises(InvalidResponseError, match="citation"):
            await (bench.stream() if stream else bench.answerer.answer(QUESTION))
        assert bench.count("failed")


async def test_a_stream_makes_up_the_answer(make_settings: MakeSettings) -> None:
    """Numbers are the same in the pieces and in the whole, for any division."""
    bench = Bench(make_settings, FakeChatModel("It costs 3.50 [3], for 72 hours [1][9]."))
    text, answer = await bench.stream()
    assert text == answer.answer == "It costs 3.50 [1], for 72 hours [2]."
    assert bench.count("answered")


async def test_a_stream_without_evidence_says_so(make_settings: MakeSettings) -> None:
    """The fixed text is streamed like any other."""
    text, answer = await Bench(make_settings, FakeChatModel()).stream(
        Question(question="Who won the cup?")
    )
    assert text == answer.answer == NOT_FOUND


async def test_an_uncited_stream_ends_with_not_found(make_settings: MakeSettings) -> None:
    """The answer at the end replaces the streamed pieces."""
    text, answer = await Bench(make_settings, FakeChatModel("Because I say so.")).stream()
    assert (text, answer.answer) == ("Because I say so.", NOT_FOUND)


async def test_leaving_a_stream_ends_the_call(make_settings: MakeSettings) -> None:
    """The model call is cancelled, and no answer is counted."""
    bench = Bench(make_settings, FakeChatModel("a reply of some length [1]"))
    stream = bench.answerer.stream(QUESTION)
    await anext(stream)
    await stream.aclose()
    assert bench.model.closed_early == 1
    assert "answers_total{" not in bench.metrics.exposition().decode()


async def test_an_unknown_model_is_refused(make_settings: MakeSettings) -> None:
    """The error lists the models, and nothing else has happened."""
    bench = Bench(make_settings, FakeChatModel())
    question = Question(question="How long?", model="other:one")
    with pytest.raises(UnknownModelError, match="known: fake:scripted"):
        await bench.answerer.answer(question)
    with pytest.raises(UnknownModelError):
        await anext(bench.answerer.stream(question))
    assert bench.retriever.searches == []


async def test_too_long_a_prompt_is_shortened(make_settings: MakeSettings) -> None:
    """ERR6: the model gets a second call with fewer passages, and the answer cites only those."""
    too_long = TokenLimitError(tokens_used=9, limit=5)
    bench = Bench(make_settings, FakeChatModel(too_long, "72 hours [1], or 3.50 [3]."))
    with capture_logs() as logs:
        answer = await bench.answerer.answer(QUESTION)
    assert ["warning"] == [e["log_level"] for e in logs if e["event"] == "prompt_shortened"]
    first, second = bench.model.requests
    assert len(first.passages) == 4
    assert second.passages == first.passages[: len(second.passages)]
    assert 1 <= len(second.passages) <= 2
    assert answer.answer == "72 hours [1], or 3.50."


async def test_a_prompt_is_shortened_once(make_settings: MakeSettings) -> None:
    """If the model rejects the shorter one as well, it is not called again."""
    too_long = TokenLimitError(tokens_used=9, limit=5)
    bench = Bench(make_settings, FakeChatModel(too_long, too_long, "72 hours [1]."))
    with pytest.raises(TokenLimitError):
        await bench.answerer.answer(QUESTION)
    assert len(bench.model.requests) == 2
    bench = Bench(make_settings, FakeChatModel(too_long, too_long, "72 hours [1]."))
    with pytest.raises(TokenLimitError):
        await bench.stream()
    assert len(bench.model.requests) == 2


async def test_a_streamed_answer_is_kept_as_well(make_settings: MakeSettings) -> None:
    """The next caller gets it without a model call."""
    bench = Bench(make_settings, FakeChatModel("72 hours [1]."), enable_caching=True)
    text, _ = await bench.stream()
    assert text == (await bench.answerer.answer(QUESTION)).answer
    assert len(bench.model.requests) == 1


@pytest.mark.parametrize(
    ("top_k", "script"),
    [
        (1, TokenLimitError(tokens_used=9, limit=5)),
        (4, ("a piece", TokenLimitError(tokens_used=9, limit=5))),
    ],
)
async def test_what_cannot_be_shortened_fails(
    make_settings: MakeSettings, top_k: int, script: Exception | tuple[str | Exception, ...]
) -> None:
    """At least one passage stays, and a stream is not restarted."""
    bench = Bench(make_settings, FakeChatModel(script), top_k=top_k)
    with pytest.raises(TokenLimitError):
        await bench.stream()
    assert len(bench.model.requests) == 1


async def test_a_prompt_fits_the_window(make_settings: MakeSettings) -> None:
    """Passages beyond the model's limit are not sent, and not paid for."""
    bench = Bench(make_settings, FakeChatModel("72 hours [1]."), max_tokens=1_000)
    await bench.answerer.answer(QUESTION)
    (whole,) = bench.model.requests
    tokens = sum(count_tokens(message.content) for message in whole.messages) + 1_000
    less = Bench(
        make_settings, FakeChatModel("72 hours [1]."), max_tokens=1_000, context_tokens=tokens - 20
    )
    await less.answerer.answer(QUESTION)
    (request,) = less.model.requests
    assert request.passages == whole.passages[:3]


async def test_an_answer_of_another_model_is_not_kept(make_settings: MakeSettings) -> None:
    """A fallback answers one request, and is not cached."""
    model = FakeChatModel("One [1].", "Two [1].")
    bench = Bench(make_settings, model, enable_caching=True)
    model.replies_as = "other:one"
    await bench.answerer.answer(QUESTION)
    assert (await bench.answerer.answer(QUESTION)).answer == "Two [1]."


async def test_failures_are_logged_and_counted(make_settings: MakeSettings) -> None:
    """An error of the model or the index is passed on unchanged."""
    bench = Bench(make_settings, FakeChatModel(RateLimitError("wait", retry_after=3)))
    with capture_logs() as logs, pytest.raises(RateLimitError) as caught:
        await bench.answerer.answer(QUESTION)
    assert caught.value.retry_after == 3
    assert {"event": "question_failed", "log_level": "error", "error": "RateLimitError"} in logs
    assert bench.count("failed")

    bench.retriever.error = RetrievalError("gone")
    with pytest.raises(RetrievalError):
        await bench.answerer.answer(QUESTION)


async def test_a_stream_that_just_ends_is_an_error(make_settings: MakeSettings) -> None:
    """An incomplete reply is never returned as an answer."""
    with pytest.raises(InvalidResponseError):
        await Bench(make_settings, FakeChatModel(("half a", None))).stream()


async def test_the_log_has_no_content(make_settings: MakeSettings) -> None:
    """Question and answer are not logged."""
    bench = Bench(make_settings, FakeChatModel("72 hours [1]."))
    with capture_logs() as logs:
        answer = await bench.answerer.answer(QUESTION)
    (event,) = (event for event in logs if event["event"] == "question_answered")
    assert (event["found"], event["citations"], event["log_level"]) == (True, 1, "info")
    assert event["prompt_hash"] == answer.prompt_hash
    assert "parcel" not in str(logs)


async def test_an_answer_is_kept_where_caching_is_on(make_settings: MakeSettings) -> None:
    """The second answer costs no call and no tokens, also in a stream."""
    bench = Bench(make_settings, FakeChatModel("72 hours [1]."), enable_caching=True)
    first = await bench.answerer.answer(QUESTION)
    again = await bench.answerer.answer(QUESTION)
    assert again.usage.total_tokens == 0
    assert first == again.model_copy(update={"usage": first.usage})
    assert bench.count("cached")
    text, streamed = await bench.stream()
    assert (text, streamed) == (first.answer, again)
    assert len(bench.model.requests) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"question": "How long does one parcel wait?"},
        {"filters": Filters(prefix="hold")},
        {"filters": Filters(metadata={"type": "markdown"})},
        {"top_k": 2},
        {"temperature": 1.0},
        {"max_tokens": 7},
    ],
)
async def test_another_question_is_answered_anew(
    make_settings: MakeSettings, change: dict[str, object]
) -> None:
    """A question with any difference is not answered from the cache."""
    bench = Bench(make_settings, FakeChatModel("One [1].", "Two [1]."), enable_caching=True)
    await bench.answerer.answer(QUESTION)
    assert (await bench.answerer.answer(QUESTION.model_copy(update=change))).answer == "Two [1]."


async def test_a_changed_index_is_asked_anew(make_settings: MakeSettings) -> None:
    """An answer from older documents is never returned."""
    bench = Bench(make_settings, FakeChatModel("One [1].", "Two [1]."), enable_caching=True)
    await bench.answerer.answer(QUESTION)
    bench.index.number += 1
    assert (await bench.answerer.answer(QUESTION)).answer == "Two [1]."


async def test_without_caching_each_question_is_answered(make_settings: MakeSettings) -> None:
    """Caching is off by default."""
    bench = Bench(make_settings, FakeChatModel("One [1].", "Two [1]."))
    answers = [(await bench.answerer.answer(QUESTION)).answer for _ in range(2)]
    assert answers == ["One [1].", "Two [1]."]


@pytest.mark.parametrize(
    "change",
    [
        {"question": " "},
        {"top_k": 0},
        {"temperature": 2.5},
        {"max_tokens": 0},
        {"filters": {"prefixes": "x"}},
        {"stream": True},
    ],
)
def test_questions_are_validated(change: dict[str, object]) -> None:
    """VAL1, for code that creates questions."""
    with pytest.raises(ValidationError):
        Question.model_validate({"question": "How long?"} | change)
