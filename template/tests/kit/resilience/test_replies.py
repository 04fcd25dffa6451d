"""A provider's reply is validated before use (VAL2)."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from gwkit.errors import InvalidResponseError
from gwkit.models.messages import ChatReply, Usage, structured
from gwkit.resilience.replies import parse_reply

if TYPE_CHECKING:
    from gwkit.resilience.replies import RawReply


def raw_reply() -> RawReply:
    """Return a valid reply."""
    return {
        "text": "Yes [1].",
        "model": "fake:one",
        "usage": {"prompt_tokens": 10, "completion_tokens": 2},
    }


def test_a_good_reply_is_taken() -> None:
    """All parts are returned."""
    usage = Usage(prompt_tokens=10, completion_tokens=2)
    assert ChatReply(text="Yes [1].", model="fake:one", usage=usage) == parse_reply(raw_reply())


@pytest.mark.parametrize(
    "change",
    [
        {"text": None},
        {"text": 7},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 2}},
        {"usage": {"prompt_tokens": "10", "completion_tokens": 2}},
        {"usage": {}},
        {"choices": []},
    ],
)
def test_a_bad_reply_is_refused(change: dict[str, object]) -> None:
    """A missing, wrong or unknown part is an error with the reply and the fault."""
    raw = raw_reply()
    raw.update(change)  # type: ignore[typeddict-item]  # a provider breaks its promise
    with pytest.raises(InvalidResponseError, match="text, model and usage") as caught:
        parse_reply(raw)
    assert "fake:one" in caught.value.response
    assert caught.value.__cause__ is not None


def test_what_was_written_is_in_no_traceback() -> None:
    """Tracebacks are logged, and a reply may quote questions and documents."""

    class Form(BaseModel):
        number: int

    raw = raw_reply()
    raw.update({"text": ["a secret text"]})  # type: ignore[typeddict-item]  # a provider breaks its promise
    with pytest.raises(InvalidResponseError) as broken:
        parse_reply(raw)
    usage = Usage(prompt_tokens=10, completion_tokens=2)
    reply = ChatReply(text='{"number": "a secret text"}', model="fake:one", usage=usage)
    with pytest.raises(InvalidResponseError, match="Form") as unstructured:
        structured(reply, Form)
    for caught in (broken, unstructured):
        assert "secret" not in "".join(traceback.format_exception(caught.value))
        assert "secret" in caught.value.response
