"""The last step of every provider: a raw reply becomes a `ChatReply`, or an error."""

from __future__ import annotations

import json
from typing import TypedDict

from pydantic import ValidationError

from app.exceptions import InvalidResponseError
from app.llm.messages import ChatReply

__all__ = ["RawReply", "RawUsage", "parse_reply"]


class RawUsage(TypedDict):
    """Tokens as a provider counts them."""

    prompt_tokens: int
    completion_tokens: int


class RawReply(TypedDict):
    """A reply before anyone has looked at it: the shape is what the provider promises."""

    text: str
    model: str
    usage: RawUsage


def parse_reply(raw: RawReply) -> ChatReply:
    """Return the validated reply.

    Raises:
        InvalidResponseError: a part is missing, has the wrong type or is out of range.
    """
    try:
        return ChatReply.model_validate(raw, strict=True)
    except ValidationError as exc:
        raise InvalidResponseError(
            response=json.dumps(raw, default=str),
            expected=f"a reply with text, model and usage ({exc.error_count()} problems)",
        ) from exc
