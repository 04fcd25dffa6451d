"""One pooled session with an OpenAI server, whose errors are those of the service."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
import openai
import structlog
from pydantic import ValidationError

from app.exceptions import InvalidResponseError, ProviderError
from app.options.openai.settings import VENDOR_URL, OpenAISettings
from app.options.providers.settings import CallSettings
from gwkit.resilience.failures import broken, failed, message_of, status_of, too_late, too_long

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from pydantic import BaseModel, SecretStr

    from app.config.settings import Settings
    from app.exceptions import LLMError

__all__ = ["Session", "open_session"]

_CONNECT_SECONDS: Final = 5.0
_PROMISED: Final = "what its API promises"

_log = structlog.stdlib.get_logger(__name__)

_M = TypeVar("_M", bound="BaseModel")
_T = TypeVar("_T")

# Parameters that a server may refuse, each with what it then says. Newer models of the vendor take
# `max_completion_tokens` instead of the first, which most other servers know.
_REFUSALS: Final = {
    "max_tokens": re.compile(
        r"max_completion_tokens|(?=.*\bmax_tokens\b).*"
        r"(?:unsupported|not support|unrecogni|unknown|unexpected|extra|not permitted|not allowed)",
        re.IGNORECASE | re.DOTALL,
    ),
    "stream_options": re.compile(r"stream_options|include_usage"),
    "encoding_format": re.compile(r"encoding_format|base64"),
}
_REFUSING: Final = frozenset({400, 422, 500, 501})


def open_session(name: str, settings: Settings) -> Session:
    """Return the session of a model, in the form `provider:model`; enter it before use."""
    vendor = settings.group(OpenAISettings)
    return Session(
        name,
        key=vendor.openai_api_key,
        base_url=vendor.openai_base_url,
        timeout_seconds=settings.group(CallSettings).llm_timeout_seconds,
    )


class Session:
    """An async context manager that holds the connections, and closes them at its end.

    Nothing is tried again here: that is the part of `gwkit.resilience`.

    Args:
        name: who is asked, in the form `provider:model`, for the errors.
        key: the API key; servers of one's own may need none.
        base_url: where the server is; `None` is the vendor's.
        timeout_seconds: longest wait for an answer, or for the next piece of one.
    """

    def __init__(
        self, name: str, *, key: SecretStr | None, base_url: str | None, timeout_seconds: float
    ) -> None:
        self._name = name
        self._key = key
        host = f".{urlsplit(base_url or VENDOR_URL).hostname}"
        # What the server is known to refuse: the vendor the older name of a limit.
        self.refused = frozenset({"max_tokens"} if host.endswith(".openai.com") else ())
        self.client = openai.AsyncOpenAI(
            # The SDK insists on a key; servers that need none ignore it.
            api_key=key.get_secret_value() if key else "none",
            base_url=base_url or VENDOR_URL,
            max_retries=0,
            timeout=openai.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
        )

    async def __aenter__(self) -> Self:
        """Return the session."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the connections."""
        await self.client.close()

    @contextmanager
    def mapped(self, texts: Iterable[str]) -> Iterator[None]:
        """Return a context manager in which the SDK's errors become those of the service.

        Args:
            texts: what is sent, to be counted where that was too much.

        Raises:
            LLMError: what `gwkit.models.protocols` says.
        """
        try:
            yield
        except openai.APIStatusError as exc:
            error = self.failure(exc.body or exc.response.text, texts, exc.response)
            # The cause would go to the log with all that the server said, also of the key.
            raise error from None
        # Of a stream that has begun the HTTP client's errors come through.
        except (openai.OpenAIError, httpx2.TransportError, ValueError) as exc:
            raise self._error(exc) from exc

    async def send(self, request: Callable[[], Awaitable[_T]]) -> _T:
        """Return the result of a request; one is sent again if its optional parts are `refused`.

        Raises:
            APIStatusError: the server refuses it for another reason.
        """
        learned = frozenset[str]()
        while True:
            try:
                return await request()
            except openai.APIStatusError as exc:
                refused = _refused(exc) - self.refused
                if not refused:
                    self.refused -= learned
                    raise
                _log.info("parameters_refused", model=self._name, parameters=sorted(refused))
                learned |= refused
                self.refused |= refused

    def parse(self, body: bytes, model: type[_M]) -> _M:
        """Return the validated body of an answer.

        Raises:
            InvalidResponseError: it is not what the vendor promises.
        """
        try:
            return model.model_validate_json(body)
        except ValidationError as exc:
            text = body.decode("utf-8", "replace")
            raise InvalidResponseError(response=text, expected=_PROMISED) from exc

    def failure(
        self, error: object, texts: Iterable[str], response: httpx2.Response | None = None
    ) -> LLMError:
        """Return the service's error for one that a server reports.

        Args:
            error: what it reports.
            texts: what was sent, to be counted where that was too much.
            response: the answer whose status says that it failed; `None` for an error within a
                reply that seemed to succeed.
        """
        if limit := too_long(f"{error}", texts):
            return limit
        status = response.status_code if response else status_of(error)
        if "insufficient_quota" in f"{error}":
            message = f"the account of OPENAI_API_KEY has no credit left, says {self._name}"
            return ProviderError(message, status=status)
        return failed(
            self._name,
            status,
            response.headers if response else {},
            message_of(error),
            key="OPENAI_API_KEY",
            secret=self._key,
            path=response.url.path if response else "",
        )

    def _error(self, exc: Exception) -> LLMError:
        match exc:
            case openai.APITimeoutError() | httpx2.TimeoutException():
                return too_late(self._name)
            case openai.APIConnectionError() | httpx2.TransportError():
                return broken(self._name)
            case openai.OpenAIError():
                return ProviderError(f"{self._name} could not be asked: {type(exc).__name__}")
            case _:
                # The SDK lets its JSON parser's error through; Pydantic's is a ValueError, too.
                return InvalidResponseError(response=str(exc), expected=_PROMISED)


def _refused(exc: openai.APIStatusError) -> frozenset[str]:
    """Return the parameters that a server does not know, by what it says."""
    text = exc.response.text
    if exc.status_code not in _REFUSING or too_long(text, ()):
        return frozenset()
    return frozenset(name for name, says in _REFUSALS.items() if says.search(text))
