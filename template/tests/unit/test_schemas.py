"""The bodies of requests: accepted and rejected values (`app.api.schemas`)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.contextvars import bound_contextvars

from app.api.schemas import AnswerRequest, AnswerResponse, FoundChunk, SearchRequest
from app.graph.cache import answer_key
from app.graph.state import Question
from fixtures.services import ANSWER, HIT
from gwkit.index.store import Filters, SearchMode


# Python counts four control characters as space; Unicode, and so Pydantic, does not.
@given(st.text(st.characters(exclude_characters="\x1c\x1d\x1e\x1f"), max_size=200))
def test_a_prompt_is_stripped_and_blank_is_refused(text: str) -> None:
    """An accepted question has at least one character and no surrounding space."""
    try:
        question = AnswerRequest.model_validate({"question": text}).question
    except ValidationError:
        assert not text.strip() or any("\ud800" <= character <= "\udfff" for character in text)
    else:
        assert question == text.strip()
        assert question


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("question", ""),
        ("question", " \n\t "),
        ("question", "\x1c\x1d\x1e\x1f"),
        ("question", "x" * 100_001),
        ("question", 5),
        ("question", None),
        ("question", "\ud800"),
        ("stream", "true"),
        ("stream", 1),
        ("top_k", 0),
        ("top_k", 101),
        ("top_k", "6"),
        ("top_k", True),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("temperature", "1"),
        ("max_tokens", 0),
        ("max_tokens", 1_000_001),
        ("max_tokens", 1.5),
        ("model", ""),
        ("filters", {"prefixes": "a"}),
        ("filters", {"prefix": "x" * 1_001}),
        ("filters", {"metadata": {"a": 1}}),
        ("filters", {"metadata": {"": "a"}}),
        ("filters", {"metadata": {str(n): "a" for n in range(21)}}),
        ("questions", "misspelt"),
    ],
)
def test_an_answer_request_refuses(field: str, value: object) -> None:
    """Each field has a type and a range, and unknown fields are rejected."""
    with pytest.raises(ValidationError):
        AnswerRequest.model_validate({"question": "Why?"} | {field: value})


def test_the_longest_prompt_is_taken() -> None:
    """100,000 characters plus surrounding space are accepted."""
    request = SearchRequest.model_validate({"query": f" {'x' * 100_000} "})

    assert 100_000 == len(request.query)


def test_an_answer_request_is_a_question() -> None:
    """Every option is passed to the graph; an omitted one is `None`."""
    whole = AnswerRequest.model_validate(
        {
            "question": " Why? ",
            "top_k": 3,
            "filters": {"prefix": "guides/", "metadata": {"type": "pdf"}},
            "model": "offline:extractive",
            "temperature": 1,
            "max_tokens": 9,
        }
    )

    assert (
        Question(
            question="Why?",
            top_k=3,
            filters=Filters(prefix="guides/", metadata={"type": "pdf"}),
            model="offline:extractive",
            temperature=1.0,
            max_tokens=9,
        ).model_dump()
        == whole.model_dump()
    )
    bare = AnswerRequest.model_validate({"question": "Why?", "stream": True})
    assert answer_key(Question(question="Why?"), 1) == answer_key(bare, 1)


def test_a_search_request_has_defaults() -> None:
    """The defaults are eight chunks of all documents, by hybrid search."""
    request = SearchRequest.model_validate({"query": "upload"})

    assert (8, Filters(), SearchMode.HYBRID) == (request.k, request.filters, request.mode)


def test_an_answer_response_is_the_answer_with_the_request_id() -> None:
    """The response has all of the answer, and the id of the request."""
    with bound_contextvars(request_id="abc"):
        response = AnswerResponse.model_construct(**dict(ANSWER))

    assert ANSWER.model_dump() | {"request_id": "abc"} == response.model_dump()


def test_a_found_chunk_has_what_a_hit_has() -> None:
    """The response has the chunk's id instead of the hit's position."""
    assert FoundChunk(
        document="guides/upload.md",
        chunk="guides/upload.md#2",
        score=0.9,
        title="Uploads",
        headings=("Uploads", "One file"),
        text="Send the file as a form.",
        metadata={"type": "markdown"},
    ) == FoundChunk.of(HIT)
