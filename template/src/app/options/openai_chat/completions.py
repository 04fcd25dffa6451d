"""Chat models over OpenAI's chat completions."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Annotated, Final, NotRequired, Self, TypedDict

from openai import omit
from pydantic import AliasChoices, BaseModel, Field

from app.exceptions import InvalidResponseError, RefusalError
from app.options.providers.streams import read_events
from app.options.providers.thoughts import Thoughts
from gwkit.models.messages import Delta
from gwkit.resilience.replies import Lenient, Text, Tokens, WireModel, estimated_usage, parse_reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.shared_params import ResponseFormatJSONSchema

    from app.options.openai.session import Session
    from gwkit.models.messages import ChatReply, ChatRequest, Message
    from gwkit.resilience.replies import RawReply, RawUsage

__all__ = ["OpenAIChatModel"]

_END: Final = b"[DONE]"
_CUT_OFF: Final = frozenset({"length", "max_tokens"})


class _Message(WireModel):
    """A message, or a piece of one."""

    content: Text = ""
    refusal: object = None


class _Choice(WireModel):
    """A reply, or a piece of one; chunks with only a filter's verdict have no message."""

    message: _Message | None = Field(None, validation_alias=AliasChoices("message", "delta"))
    finish_reason: Annotated[str | None, Lenient] = None
    error: object = None


class _Usage(WireModel):
    prompt_tokens: Tokens = None
    completion_tokens: Tokens = None


class _Completion(WireModel):
    """The parts of a `chat.completion`, or of a chunk of one, that are used here."""

    choices: list[_Choice] | None = None
    usage: Annotated[_Usage | None, Lenient] = None
    error: object = None


class _Parameters(TypedDict):
    """The parameters of a request, whole or as a stream."""

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
        # Whether the last reply had a thought without an opening tag: then the next stream is held.
        self._begins_inside_thoughts = False

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
            LLMError: as `gwkit.models.protocols` says.
        """
        completions = self._session.client.chat.completions.with_raw_response
        reading = _Reading(self.name, request, self._session)
        with self._session.errors.mapped(reading.prompt):
            response = await self._session.send(
                lambda: completions.create(**self._parameters(request))
            )
        reading.take(response.content)
        return self._reply(reading)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the reply in pieces, and at last the whole of it.

        Raises:
            InvalidResponseError: the stream ends without its end.
            LLMError: as in `complete`, also after the first piece.
        """
        completions = self._session.client.chat.completions.with_streaming_response
        reading = _Reading(self.name, request, self._session)
        shown = Thoughts(held=self._begins_inside_thoughts)
        ended = False
        with self._session.errors.mapped(reading.prompt):
            async with AsyncExitStack() as stack:
                response = await self._session.send(
                    lambda: stack.enter_async_context(
                        completions.create(
                            **self._parameters(request),
                            stream=True,
                            stream_options=omit
                            if "stream_options" in self._session.refused
                            else {"include_usage": True},
                        )
                    )
                )
                events = read_events(response.http_response)
                async for data in await stack.enter_async_context(aclosing(events)):
                    if ended := data == _END:
                        break
                    yield Delta(text=shown.feed(reading.take(data)) if data else "")
        if not (ended or reading.finish_reason):
            raise InvalidResponseError(response=reading.text, expected="a stream with an end")
        if rest := shown.finish():
            yield Delta(text=rest)
        yield self._reply(reading)

    def _parameters(self, request: ChatRequest) -> _Parameters:
        parameters: _Parameters = {
            "model": self._model,
            "messages": [_message(message) for message in request.messages],
        }
        if request.temperature is not None:
            parameters["temperature"] = request.temperature
        if "max_tokens" in self._session.refused:
            parameters["max_completion_tokens"] = request.max_tokens
        else:
            parameters["max_tokens"] = request.max_tokens
        if request.reply_type is not None:
            parameters["response_format"] = _format(request.reply_type)
        return parameters

    def _reply(self, reading: _Reading) -> ChatReply:
        thoughts = Thoughts(held=True)
        text = thoughts.feed(reading.text) + thoughts.finish()
        self._begins_inside_thoughts = thoughts.began_inside
        raw: RawReply = {"text": text, "model": self.name, "usage": reading.usage()}
        if reading.finish_reason.lower() in _CUT_OFF:
            raw["finish_reason"] = "length"
        return parse_reply(raw, reading.request)


class _Reading:
    """The reply so far, with the thoughts in it."""

    def __init__(self, model: str, request: ChatRequest, session: Session) -> None:
        self.request = request
        self.prompt = [message.content for message in request.messages]
        self.finish_reason = ""
        self._model = model
        self._session = session
        self._pieces: list[str] = []
        self._usage = _Usage()

    @property
    def text(self) -> str:
        """The content so far."""
        return "".join(self._pieces)

    def take(self, data: bytes) -> str:
        """Take a body, or the data of an event, and return its content.

        Raises:
            InvalidResponseError: it is not what the API promises.
            LLMError: it is an error of the provider's.
            RefusalError: the model or a filter refused.
        """
        body = self._session.parse(data, _Completion)
        if body.usage is not None:
            self._usage = self._usage.model_copy(update=body.usage.model_dump(exclude_none=True))
        if body.error:
            raise self._session.errors.reported(body.error, self.prompt)
        text = ""
        for choice in (body.choices or [])[:1]:
            if choice.error:
                raise self._session.errors.reported(choice.error, self.prompt)
            message = choice.message or _Message()
            if message.refusal:
                raise RefusalError(self._model, "the model refused")
            if choice.finish_reason == "content_filter":
                raise RefusalError(self._model, "its provider's filter withheld the answer")
            self.finish_reason = choice.finish_reason or self.finish_reason
            text = message.content
            self._pieces.append(text)
        return text

    def usage(self) -> RawUsage:
        """Return the tokens that the call took, estimated where the provider does not tell them."""
        usage = estimated_usage(self.request, self.text)
        if self._usage.prompt_tokens is not None:
            usage["prompt_tokens"] = self._usage.prompt_tokens
        if self._usage.completion_tokens is not None:
            usage["completion_tokens"] = self._usage.completion_tokens
        return usage


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
