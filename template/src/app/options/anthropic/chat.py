"""Chat models over Anthropic's messages, and those of servers that speak its protocol."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NotRequired, Self, TypedDict

import anthropic
import httpx2

from app.exceptions import InvalidResponseError, ProviderError, RefusalError
from app.options.anthropic.settings import VENDOR_URL
from app.options.anthropic.wire import STATUSES, Change, Event, Piece, Reply, Start, Usage
from gwkit.models.messages import Delta
from gwkit.models.replies import estimated_usage, parse_reply
from gwkit.resilience.failures import broken, failed, too_late, too_long

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from anthropic.types import MessageParam, OutputConfigParam
    from pydantic import SecretStr

    from app.exceptions import LLMError
    from gwkit.models.messages import ChatReply, ChatRequest, Message

__all__ = ["AnthropicChatModel"]

_CONNECT_SECONDS: Final = 5.0
_HOTTEST: Final = 1.0
_PROMISED: Final = "what its API promises"


class _Parameters(TypedDict):
    """What a request asks for, whole or as a stream."""

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
            LLMError: as `gwkit.models.ports` says.
        """
        with self._mapped(request):
            messages = self._client.messages.with_raw_response
            response = await messages.create(**self._parameters(request))
            reply = Reply.model_validate_json(response.http_response.content)
        self._refuse(reply.stop_reason)
        text = "".join(block.text or "" for block in reply.content if block.type == "text")
        return self._reply(request, text, reply.usage)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the reply in pieces, and at last the whole of it.

        Raises:
            InvalidResponseError: the stream ends without its end.
            LLMError: as in `complete`, also after the first piece.
        """
        text, ended = "", False
        told: list[Usage | None] = []
        with self._mapped(request):
            async with await self._client.messages.create(
                **self._parameters(request), stream=True
            ) as events:
                async for each in events:
                    match Event.model_validate(each, from_attributes=True).type:
                        case "content_block_delta":
                            delta = Piece.model_validate(each, from_attributes=True).delta
                            if delta.type == "text_delta" and delta.text:
                                text += delta.text
                                yield Delta(text=delta.text)
                        case "message_start":
                            start = Start.model_validate(each, from_attributes=True)
                            told.append(start.message.usage)
                        case "message_delta":
                            change = Change.model_validate(each, from_attributes=True)
                            told.append(change.usage)
                            self._refuse(change.delta.stop_reason)
                        case "message_stop":
                            ended = True
                        case _:
                            pass
        if not ended:
            raise InvalidResponseError(response=text, expected="a stream that comes to its end")
        yield self._reply(request, text, *told)

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

    def _refuse(self, stop_reason: str | None) -> None:
        if stop_reason == "refusal":
            raise RefusalError(self.name, "the model refused")

    def _reply(self, request: ChatRequest, text: str, *told: Usage | None) -> ChatReply:
        usage = estimated_usage(request, text)
        for each in told:
            if each is not None:
                usage = each.added_to(usage)
        return parse_reply({"text": text, "model": self.name, "usage": usage}, request)

    @contextmanager
    def _mapped(self, request: ChatRequest) -> Iterator[None]:
        try:
            yield
        # Of a stream that has begun the SDK lets its HTTP client's errors through.
        except (anthropic.AnthropicError, httpx2.TransportError, ValueError) as exc:
            raise self._error(exc, request) from exc

    def _error(self, exc: Exception, request: ChatRequest) -> LLMError:
        """Return the service's error for one of the SDK's."""
        match exc:
            case anthropic.APITimeoutError() | httpx2.TimeoutException():
                return too_late(self.name)
            case anthropic.APIConnectionError() | httpx2.TransportError():
                return broken(self.name)
            case anthropic.APIStatusError():
                return self._failure(exc, request)
            case anthropic.AnthropicError():
                return ProviderError(f"{self.name} could not be asked: {type(exc).__name__}")
            case _:
                # The SDK lets its JSON parser's error through; Pydantic's is a ValueError, too.
                return InvalidResponseError(response=str(exc), expected=_PROMISED)

    def _failure(self, exc: anthropic.APIStatusError, request: ChatRequest) -> LLMError:
        message = exc.api_message or exc.message
        if limit := too_long(message, (each.content for each in request.messages)):
            return limit
        status = exc.status_code if exc.response.is_error else STATUSES.get(exc.type or "", 500)
        return failed(self.name, status, exc.response.headers, message, key="ANTHROPIC_API_KEY")


def _turn(message: Message) -> MessageParam:
    if message.role == "assistant":
        return {"role": "assistant", "content": message.content}
    return {"role": "user", "content": message.content}
