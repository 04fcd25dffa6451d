"""Chat models over OpenAI's chat completions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NotRequired, Self, TypedDict

from pydantic import BaseModel, Field

from app.exceptions import InvalidResponseError, RefusalError
from gwkit.models.messages import Delta
from gwkit.models.replies import WireModel, estimated_usage, parse_reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.shared_params import ResponseFormatJSONSchema

    from app.options.openai.session import Session
    from gwkit.models.messages import ChatReply, ChatRequest, Message
    from gwkit.models.replies import RawUsage

__all__ = ["OpenAIChatModel"]


class _Words(WireModel):
    """A message, or a piece of one."""

    content: str | None = None
    refusal: str | None = None


class _Choice(WireModel):
    message: _Words
    finish_reason: str | None = None


class _Usage(WireModel):
    prompt_tokens: int
    completion_tokens: int

    def raw(self) -> RawUsage:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }


class _Completion(WireModel):
    """The parts of a `chat.completion` that are used here."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


class _Piece(WireModel):
    delta: _Words
    finish_reason: str | None = None


class _Chunk(WireModel):
    """The parts of a `chat.completion.chunk` that are used here; that with usage has no piece."""

    choices: list[_Piece]
    usage: _Usage | None = None


class _Parameters(TypedDict):
    """What a request asks for, whole or as a stream."""

    model: str
    messages: list[ChatCompletionMessageParam]
    max_tokens: NotRequired[int]
    max_completion_tokens: NotRequired[int]
    temperature: NotRequired[float]
    response_format: NotRequired[ResponseFormatJSONSchema]


class OpenAIChatModel:
    """A `ChatModel` at OpenAI or a server like it; enter it before use, and its session is closed.

    Args:
        model: the vendor's name of the model.
        session: the connections.
    """

    def __init__(self, model: str, session: Session) -> None:
        self._model = model
        self._session = session

    @property
    def name(self) -> str:
        """The model in the form `provider:model`."""
        return f"openai:{self._model}"

    async def __aenter__(self) -> Self:
        """Open the session."""
        await self._session.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the session."""
        await self._session.__aexit__(*exc_info)

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the whole reply.

        Raises:
            InvalidResponseError: the reply is not what the API promises.
            LLMError: as `gwkit.models.ports` says.
        """
        completions = self._session.client.chat.completions.with_raw_response
        with self._session.mapped(message.content for message in request.messages):
            response = await completions.create(**self._parameters(request))
        body = self._session.parse(response.content, _Completion)
        choice = body.choices[0]
        self._refuse(choice.message, choice.finish_reason)
        text = choice.message.content
        if text is None:
            raise InvalidResponseError(response=str(body), expected="a message with content")
        return self._reply(request, text, body.usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the reply in pieces, and at last the whole of it.

        Raises:
            InvalidResponseError: the stream ends without its end.
            LLMError: as in `complete`, also after the first piece.
        """
        completions = self._session.client.chat.completions
        text, usage, ended = "", None, False
        with self._session.mapped(message.content for message in request.messages):
            async with await completions.create(
                **self._parameters(request), stream=True, stream_options={"include_usage": True}
            ) as chunks:
                async for each in chunks:
                    chunk = _Chunk.model_validate(each, from_attributes=True)
                    usage = chunk.usage or usage
                    for piece in chunk.choices[:1]:
                        self._refuse(piece.delta, piece.finish_reason)
                        ended = ended or piece.finish_reason is not None
                        if piece.delta.content:
                            text += piece.delta.content
                            yield Delta(text=piece.delta.content)
        if not ended:
            raise InvalidResponseError(response=text, expected="a stream that comes to its end")
        yield self._reply(request, text, usage)

    def _parameters(self, request: ChatRequest) -> _Parameters:
        parameters: _Parameters = {
            "model": self._model,
            "messages": [_message(message) for message in request.messages],
        }
        if request.temperature is not None:
            parameters["temperature"] = request.temperature
        if self._session.is_vendors:
            parameters["max_completion_tokens"] = request.max_tokens
        else:
            # The older name, which every other server knows and newer models of the vendor refuse.
            parameters["max_tokens"] = request.max_tokens
        if request.reply_type is not None:
            parameters["response_format"] = _format(request.reply_type)
        return parameters

    def _refuse(self, words: _Words, finish_reason: str | None) -> None:
        if words.refusal:
            raise RefusalError(self.name, "the model refused")
        if finish_reason == "content_filter":
            raise RefusalError(self.name, "its provider's filter withheld the answer")

    def _reply(self, request: ChatRequest, text: str, usage: _Usage | None) -> ChatReply:
        told = usage.raw() if usage else estimated_usage(request, text)
        return parse_reply({"text": text, "model": self.name, "usage": told}, request)


def _message(message: Message) -> ChatCompletionMessageParam:
    match message.role:
        case "system":
            return {"role": "system", "content": message.content}
        case "user":
            return {"role": "user", "content": message.content}
        case "assistant":
            return {"role": "assistant", "content": message.content}


def _format(reply_type: type[BaseModel]) -> ResponseFormatJSONSchema:
    schema = reply_type.model_json_schema()
    _close(schema)
    name = reply_type.__name__.strip("_")
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "schema": schema, "strict": True},
    }


def _close(schema: object) -> None:
    """Make every object of a schema name all of its properties, and no others, as `strict` asks."""
    if isinstance(schema, dict):
        if isinstance(properties := schema.get("properties"), dict):
            schema |= {"additionalProperties": False, "required": list(properties)}
        # Strict mode knows no defaults.
        schema.pop("default", None)
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)
