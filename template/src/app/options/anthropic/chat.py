"""Chat models over Anthropic's messages, and those of servers that speak its protocol."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final, NotRequired, Self, TypedDict

import anthropic

from app.exceptions import InvalidResponseError, RefusalError
from app.options.anthropic.settings import VENDOR_URL
from app.options.anthropic.wire import Event, Reply
from app.options.providers.sdk import SdkErrors
from app.options.providers.streams import read_events
from app.options.providers.thoughts import Thoughts
from gwkit.models.messages import Delta
from gwkit.resilience.replies import estimated_usage, parse_reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from anthropic.types import MessageParam, OutputConfigParam
    from pydantic import SecretStr

    from app.options.anthropic.wire import Usage
    from gwkit.models.messages import ChatReply, ChatRequest, Message
    from gwkit.resilience.replies import RawReply

__all__ = ["AnthropicChatModel"]

_CONNECT_SECONDS: Final = 5.0
_HOTTEST: Final = 1.0
_CUT_OFF: Final = frozenset({"max_tokens", "model_context_window_exceeded"})


class _Parameters(TypedDict):
    """The parameters of a request, whole or as a stream."""

    model: str
    messages: list[MessageParam]
    max_tokens: int
    system: NotRequired[str]
    output_config: NotRequired[OutputConfigParam]
    extra_body: NotRequired[dict[str, float]]


class AnthropicChatModel:
    """A `ChatModel` at Anthropic; enter it before use, and its connections are closed.

    Args:
        model: the vendor's name of the model.
        key: the API key; servers of one's own may need none.
        base_url: where the server is; `None` is the vendor's.
        timeout_seconds: longest wait for an answer, or for the next piece of one.
    """

    def __init__(
        self, model: str, *, key: SecretStr | None, base_url: str | None, timeout_seconds: float
    ) -> None:
        self._model = model
        self._errors = SdkErrors(
            anthropic, anthropic.AnthropicError, self.name, "ANTHROPIC_API_KEY", key
        )
        self._client = anthropic.AsyncAnthropic(
            # The SDK would look for one elsewhere; servers that need none ignore it.
            api_key=key.get_secret_value() if key else "none",
            base_url=base_url or VENDOR_URL,
            max_retries=0,
            timeout=anthropic.Timeout(
                timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)
            ),
        )

    @property
    def name(self) -> str:
        """The model in the form `provider:model`."""
        return f"anthropic:{self._model}"

    async def __aenter__(self) -> Self:
        """Open the session."""
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the session."""
        await self._client.close()

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the whole reply.

        Raises:
            LLMError: as `gwkit.models.protocols` says.
        """
        with self._errors.mapped(_texts(request)):
            messages = self._client.messages.with_raw_response
            response = await messages.create(**self._parameters(request))
            reply = Reply.model_validate_json(response.http_response.content)
        if reply.error:
            raise self._errors.reported(reply.error, _texts(request))
        return self._reply(request, reply.content, reply.stop_reason, reply.usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the reply in pieces, and at last the whole of it.

        Raises:
            InvalidResponseError: the stream ends without its end.
            LLMError: as in `complete`, also after the first piece.
        """
        messages = self._client.messages.with_streaming_response
        text, stop_reason, ended = "", None, False
        shown = Thoughts(held=False)
        told: list[Usage | None] = []
        with self._errors.mapped(_texts(request)):
            async with (
                messages.create(**self._parameters(request), stream=True) as response,
                aclosing(read_events(response.http_response)) as events,
            ):
                async for data in events:
                    piece = ""
                    if data:
                        event = Event.model_validate_json(data)
                        if event.error:
                            raise self._errors.reported(event.error, _texts(request))
                        told += [event.message.usage if event.message else None, event.usage]
                        stop_reason = (event.delta and event.delta.stop_reason) or stop_reason
                        ended = ended or event.type == "message_stop"
                        piece = event.text
                        text += piece
                    yield Delta(text=shown.feed(piece))
        if not (ended or stop_reason):
            raise InvalidResponseError(response=text, expected="a stream with an end")
        reply = self._reply(request, text, stop_reason, *told)
        if rest := shown.finish():
            yield Delta(text=rest)
        yield reply

    def _parameters(self, request: ChatRequest) -> _Parameters:
        parameters: _Parameters = {
            "model": self._model,
            "max_tokens": request.max_tokens,
            "messages": [
                _turn(message) for message in request.messages if message.role != "system"
            ],
        }
        system = [message.content for message in request.messages if message.role == "system"]
        if system:
            parameters["system"] = "\n\n".join(system)
        if request.temperature is not None:
            # Newer models take none, so the SDK has no word for it; other vendors' go up to 2.
            parameters["extra_body"] = {"temperature": min(request.temperature, _HOTTEST)}
        if request.reply_type is not None:
            schema = anthropic.transform_schema(request.reply_type)
            parameters["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        return parameters

    def _reply(
        self, request: ChatRequest, text: str, stop_reason: str | None, *told: Usage | None
    ) -> ChatReply:
        if stop_reason == "refusal":
            raise RefusalError(self.name, "the model refused")
        usage = estimated_usage(request, text)
        for each in told:
            if each is not None:
                usage = each.added_to(usage)
        thoughts = Thoughts(held=True)
        text = thoughts.feed(text) + thoughts.finish()
        raw: RawReply = {"text": text, "model": self.name, "usage": usage}
        if stop_reason in _CUT_OFF:
            raw["finish_reason"] = "length"
        return parse_reply(raw, request)


def _texts(request: ChatRequest) -> Iterator[str]:
    return (message.content for message in request.messages)


def _turn(message: Message) -> MessageParam:
    if message.role == "assistant":
        return {"role": "assistant", "content": message.content}
    return {"role": "user", "content": message.content}
