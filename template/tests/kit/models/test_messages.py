"""Requests to models and their replies."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from gwkit.models.messages import ChatReply, ChatRequest, Delta, Message, Passage, Prompt, Usage

MESSAGES = (Message(role="user", content="Hello?"),)


@pytest.mark.parametrize("text", ["", "  \n\t", "\x1c\x1f\x85", "x" * 100_001])
def test_a_prompt_is_neither_blank_nor_endless(text: str) -> None:
    """VAL1: 1 to 100,000 characters."""
    with pytest.raises(ValidationError):
        TypeAdapter(Prompt).validate_python(text)


def test_a_prompt_is_stripped() -> None:
    """Surrounding space is removed and does not count."""
    padded = "  " + "x" * 100_000 + "\n"
    assert TypeAdapter(Prompt).validate_python(padded) == "x" * 100_000


@pytest.mark.parametrize(
    "change",
    [
        {"messages": ()},
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"max_tokens": 0},
        {"question": " "},
        {"surprise": 1},
    ],
)
def test_a_request_is_validated(change: dict[str, object]) -> None:
    """Values out of range and unknown fields are refused."""
    with pytest.raises(ValidationError):
        ChatRequest.model_validate({"messages": MESSAGES, "question": "Hello?"} | change)


def test_messages_do_not_change() -> None:
    """A logged request is the one that was sent."""
    request = ChatRequest(messages=MESSAGES, question="Hello?")
    with pytest.raises(ValidationError):
        request.question = "Another?"  # type: ignore[misc]  # frozen, as is tested here


@pytest.mark.parametrize("kind", [ChatReply, Delta])
def test_what_a_model_writes_is_unicode(kind: type[ChatReply | Delta]) -> None:
    """A lone surrogate, possible in JSON, is an error of the model, whole or streamed."""
    reply = {"model": "fake:one", "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    with pytest.raises(ValidationError, match="unicode"):
        kind.model_validate({"text": "a\ud800"} | (reply if kind is ChatReply else {}))


def test_passages_count_from_one() -> None:
    """A citation `[0]` does not exist."""
    with pytest.raises(ValidationError):
        Passage(number=0, document="a.md", text="text")


def test_usage_adds_up() -> None:
    """The total is the sum of prompt and completion."""
    usage = Usage(prompt_tokens=3, completion_tokens=4)
    assert usage.total_tokens == 7
    assert ChatReply(text="", model="fake:one", usage=usage).usage == usage
