"""The last step of every provider: a raw reply becomes a `ChatReply`, or an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, NotRequired, TypedDict

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator

from gwkit.errors import InvalidResponseError, ProviderError
from gwkit.models.messages import ChatReply, structured
from gwkit.resilience.current_call import note_usage
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from pydantic import ValidatorFunctionWrapHandler

    from gwkit.models.messages import ChatRequest, FinishReason

__all__ = [
    "Lenient",
    "RawReply",
    "RawUsage",
    "Text",
    "Tokens",
    "WireModel",
    "estimated_usage",
    "parse_reply",
]

_TEXT_TYPES = frozenset({"text", "output_text"})


class WireModel(BaseModel):
    """A part of what a provider sends; what it sent is not in the errors, for those are logged."""

    model_config = ConfigDict(hide_input_in_errors=True)


def _text_of(content: object) -> object:
    """Return the text of a content, or of a part of one: thoughts and images have none."""
    if isinstance(content, list):
        return "".join(part for part in map(_text_of, content) if isinstance(part, str))
    if isinstance(content, dict):
        return content.get("text") if content.get("type", "text") in _TEXT_TYPES else ""
    return "" if content is None else content


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        return None


Text = Annotated[str, BeforeValidator(_text_of)]
"""The text of a message: servers send a text, a list of parts, or null."""

Lenient = WrapValidator(_or_none)
"""Reads a value that is not valid as `None`, so that the rest of the reply can be used."""

Tokens = Annotated[Annotated[int, Field(ge=0)] | None, Lenient]
"""A number of tokens, where the provider tells one."""


class RawUsage(TypedDict):
    """Tokens as a provider counts them."""

    prompt_tokens: int
    completion_tokens: int


class RawReply(TypedDict):
    """A reply before anyone has looked at it: the shape is what the provider promises."""

    text: str
    model: str
    usage: RawUsage
    finish_reason: NotRequired[FinishReason]


def parse_reply(raw: RawReply, request: ChatRequest | None = None) -> ChatReply:
    """Return the validated reply, after its usage is noted for the call under way.

    Args:
        raw: what the provider sent.
        request: what it replies to; with a `reply_type` the text must be JSON of that type.

    Raises:
        InvalidResponseError: a part is missing, has the wrong type or is out of range, or there is
            no text.
        ProviderError: the model used up its tokens before it wrote any text.
    """
    try:
        reply = ChatReply.model_validate(raw, strict=True)
    except ValidationError as exc:
        raise InvalidResponseError(
            response=json.dumps(raw, default=str),
            expected=f"a reply with text, model and usage ({exc.error_count()} problems)",
        ) from exc
    note_usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
    if not reply.text.strip():
        if reply.finish_reason == "length":
            raise ProviderError(
                f"{reply.model} used up its tokens before it wrote an answer; raise APP_MAX_TOKENS"
            )
        raise InvalidResponseError(response=reply.text, expected="a text: it is empty")
    if request is not None and request.reply_type is not None:
        structured(reply, request.reply_type)
    return reply


def estimated_usage(request: ChatRequest, text: str) -> RawUsage:
    """Return about how many tokens a call took, for servers that do not tell."""
    return {
        "prompt_tokens": sum(count_tokens(message.content) for message in request.messages),
        "completion_tokens": count_tokens(text),
    }
