"""Requests to models and their replies, validated on the way in and on the way out."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from gwkit.errors import InvalidResponseError

__all__ = [
    "HEADING_SEPARATOR",
    "NOT_FOUND",
    "SEARCHED_CHARACTERS",
    "ChatReply",
    "ChatRequest",
    "Delta",
    "FinishReason",
    "Message",
    "Passage",
    "Prompt",
    "Strict",
    "Usage",
    "structured",
]

_T = TypeVar("_T", bound=BaseModel)

NOT_FOUND = "The answer was not found in the documents."
"""The reply of a model when the passages do not answer the question; prompts ask for it."""


# Pydantic's own stripping leaves the separators U+001C to U+001F, which Python takes for space.
Prompt = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100_000),
    BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value),
]
"""A text that a person wrote: 1 to 100,000 characters without the space around it."""

HEADING_SEPARATOR = " > "
"""Between the headings of a passage's `heading`, outermost first."""

SEARCHED_CHARACTERS = 10_000
"""Characters of a question or query that are looked for in documents; a model gets all of them."""


# Pydantic refuses lone surrogates, which no caller can be sent, only in a text with a constraint.
_Written = Annotated[str, StringConstraints(min_length=0)]


class Strict(BaseModel):
    """A model that refuses unknown fields and does not change once made.

    Its errors do not show what they are about: tracebacks go to the log, where no content belongs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Message(Strict):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, StringConstraints(min_length=1)]


class Passage(Strict):
    """Retrieved text that an answer may quote.

    `number` is what a citation refers to; `heading` is where in the document the text stands.
    """

    number: Annotated[int, Field(ge=1)]
    document: str
    text: str
    heading: str = ""


class ChatRequest(Strict):
    """One question to a model.

    `messages` is the whole prompt, with the passages fenced as data; providers send it.
    `question` and `passages` are the same content in parts, for models that read them directly.
    `temperature` is `None` where the model is to have its own: some admit no other.
    `reply_type` asks for JSON that this model validates, where the provider can be asked for it.
    `prompt_hash` is that of the prompt file the messages were made from; it is only logged.
    """

    messages: Annotated[tuple[Message, ...], Field(min_length=1)]
    question: Prompt
    passages: tuple[Passage, ...] = ()
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    reply_type: type[BaseModel] | None = None
    prompt_hash: str = ""


class Usage(Strict):
    """Tokens that a call took, as the provider counts them."""

    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)]

    @property
    def total_tokens(self) -> int:
        """Tokens of prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens


FinishReason = Literal["stop", "length"]
"""Why a model stopped: its text is complete, or it was cut off at the limit of tokens."""


class ChatReply(Strict):
    """A model's whole reply: a text whose citations have the form `[n]`, and what it took."""

    text: _Written
    model: str
    usage: Usage
    finish_reason: FinishReason = "stop"


class Delta(Strict):
    """A piece of a reply that is still being written; empty while the model is still thinking."""

    text: _Written


def structured(reply: ChatReply, reply_type: type[_T]) -> _T:
    """Return what a reply says as JSON, for a request that asked for this type.

    Raises:
        InvalidResponseError: the text is something else, or was cut short.
    """
    try:
        return reply_type.model_validate_json(reply.text)
    except ValidationError as exc:
        # The cause would go to the log with what the model wrote, which is content.
        raise InvalidResponseError(
            response=reply.text,
            expected=f"JSON of {reply_type.__name__} ({exc.error_count()} problems)",
        ) from None
