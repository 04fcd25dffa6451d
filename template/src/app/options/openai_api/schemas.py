"""The part of OpenAI's chat completions that the service speaks.

The format is that of https://developers.openai.com/api/reference: `chat/completions` and `models`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from gwkit.models.messages import FinishReason

__all__ = [
    "Annotation",
    "Choice",
    "Chunk",
    "ChunkChoice",
    "Completion",
    "CompletionRequest",
    "Delta",
    "ErrorBody",
    "ErrorDetails",
    "Message",
    "Model",
    "ModelList",
    "Turn",
    "UrlCitation",
    "Usage",
]


class _Tolerant(BaseModel):
    """A part of a request; clients send more than the service uses, and that is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _TextPart(_Tolerant):
    type: Literal["text"]
    text: str


def _parts(content: object) -> object:
    """Return the content of a message as parts; a text is one part."""
    if content is None:
        return ()
    return ({"type": "text", "text": content},) if isinstance(content, str) else content


class Turn(_Tolerant):
    """A message of the conversation: a text, or parts of one."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[tuple[_TextPart, ...], BeforeValidator(_parts)] = ()

    @property
    def text(self) -> str:
        """The whole text of the message."""
        return "\n".join(part.text for part in self.content)


class _ResponseFormat(_Tolerant):
    type: Literal["text"]


class _StreamOptions(_Tolerant):
    include_usage: bool = False


class CompletionRequest(_Tolerant):
    """A conversation whose last message is the question.

    The service has a prompt of its own, so messages of the roles `system` and `developer` are left
    out. What would change the form of the answer is refused: several choices, tools, JSON.
    """

    model: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    messages: Annotated[tuple[Turn, ...], Field(max_length=1_000)]
    stream: StrictBool | None = None
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    n: Literal[1] | None = None
    tools: Annotated[tuple[object, ...], Field(max_length=0)] | None = None
    response_format: _ResponseFormat | None = None

    @model_validator(mode="after")
    def _ends_with_a_question(self) -> CompletionRequest:
        if not self.messages or self.messages[-1].role != "user":
            raise ValueError("the last message must have the role `user`: it is the question")
        return self


class UrlCitation(BaseModel):
    """A document, and the characters of the text that refer to it: `[1]`."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    """A citation; OpenAI's format has one kind of them, made for web pages."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation


Delta: TypeAlias = dict[Literal["role", "content", "annotations"], str | tuple[Annotation, ...]]


class Usage(BaseModel):
    """Tokens that the answer took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Message(BaseModel):
    """The answer."""

    role: Literal["assistant"] = "assistant"
    content: str
    annotations: tuple[Annotation, ...]
    refusal: None = None


class Choice(BaseModel):
    """The only choice: the service gives one answer."""

    index: Literal[0] = 0
    message: Message
    finish_reason: FinishReason
    logprobs: None = None


class Completion(BaseModel):
    """A whole answer; `model` is the chat model that wrote it."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: Usage


class ChunkChoice(BaseModel):
    """A piece of the only choice; the last one has the reason for its end."""

    index: Literal[0] = 0
    delta: Delta
    """What it adds to the answer; what it does not add is absent."""

    finish_reason: FinishReason | None = None
    logprobs: None = None


class Chunk(BaseModel):
    """A piece of a stream; the one with the usage has no choices."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: tuple[ChunkChoice, ...]
    usage: Usage | None = None


class Model(BaseModel):
    """The service as a model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    """The models that there are: one."""

    object: Literal["list"] = "list"
    data: tuple[Model, ...]


class ErrorDetails(BaseModel):
    """An error; `code` is that of the problem, and `param` the field that is wrong."""

    message: str
    type: Literal["invalid_request_error", "rate_limit_error", "server_error"]
    param: str | None = None
    code: str


class ErrorBody(BaseModel):
    """The body of an error."""

    error: ErrorDetails
