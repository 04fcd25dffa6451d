"""One pooled session with an OpenAI server, whose errors are those of the service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import urlsplit

import openai
import structlog
from pydantic import ValidationError

from app.exceptions import InvalidResponseError
from app.options.openai.settings import VENDOR_URL, OpenAISettings
from app.options.providers.sdk import PROMISED, SdkErrors
from app.options.providers.settings import CallSettings
from gwkit.resilience.failures import too_long

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel, SecretStr

    from app.config.settings import Settings

__all__ = ["Session", "open_session"]

_CONNECT_SECONDS: Final = 5.0

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
        self.errors = SdkErrors(openai, openai.OpenAIError, name, "OPENAI_API_KEY", key)
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
            raise InvalidResponseError(response=text, expected=PROMISED) from exc


def _refused(exc: openai.APIStatusError) -> frozenset[str]:
    """Return the parameters that a server does not know, by what it says."""
    text = exc.response.text
    if exc.status_code not in _REFUSING or too_long(text, ()):
        return frozenset()
    return frozenset(name for name, says in _REFUSALS.items() if says.search(text))
