"""One pooled session with an OpenAI server, whose errors are those of the service."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar

import openai
from pydantic import ValidationError

from app.exceptions import InvalidResponseError, ProviderError
from app.options.openai.settings import VENDOR_URL, OpenAISettings
from app.options.providers.settings import CallSettings
from gwkit.resilience.failures import broken, failed, too_late, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import BaseModel, SecretStr

    from app.config.settings import Settings
    from app.exceptions import LLMError

__all__ = ["Session"]

_CONNECT_SECONDS: Final = 5.0
_PROMISED: Final = "what its API promises"

_M = TypeVar("_M", bound="BaseModel")


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
        self.is_vendors = base_url in {None, VENDOR_URL}
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
            LLMError: what `gwkit.models.ports` says.
        """
        try:
            yield
        except (openai.OpenAIError, ValueError) as exc:
            raise self._error(exc, texts) from exc

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

    def _error(self, exc: openai.OpenAIError | ValueError, texts: Iterable[str]) -> LLMError:
        match exc:
            case openai.APITimeoutError():
                return too_late(self._name)
            case openai.APIConnectionError():
                return broken(self._name)
            case openai.APIError():
                return self._failure(exc, texts)
            case openai.OpenAIError():
                return ProviderError(f"{self._name} could not be asked: {type(exc).__name__}")
            case ValueError():
                # The SDK lets its JSON parser's error through; Pydantic's is a ValueError, too.
                return InvalidResponseError(response=str(exc), expected=_PROMISED)

    def _failure(self, exc: openai.APIError, texts: Iterable[str]) -> LLMError:
        if limit := too_long(f"{exc.code} {exc.message}", texts):
            return limit
        if not isinstance(exc, openai.APIStatusError):
            # The event of an error within a stream, which has no status of its own.
            return ProviderError(f"{self._name} broke off: {exc.code or exc.type}", passing=True)
        if exc.code == "insufficient_quota":
            message = f"the account of OPENAI_API_KEY has no credit left, says {self._name}"
            return ProviderError(message, status=exc.status_code)
        status = exc.status_code
        message = exc.message.removeprefix(f"Error code: {status} - ")
        return failed(self._name, status, exc.response.headers, message, key="OPENAI_API_KEY")
