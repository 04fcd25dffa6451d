"""Turns the errors of vendors' SDKs, which are generated alike, into those of the service."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2

from app.exceptions import InvalidResponseError, ProviderError
from gwkit.resilience.failures import broken, failed, message_of, status_of, too_late, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from pydantic import SecretStr

    from app.exceptions import LLMError

__all__ = ["PROMISED", "SdkErrors"]

PROMISED = "what its API promises"


class SdkErrors:
    """The errors of one model.

    Args:
        sdk: the vendor's module.
        base: the class of all of its exceptions.
        name: the model in the form `provider:model`.
        key: the variable of the API key.
        secret: the API key.
    """

    def __init__(
        self, sdk: ModuleType, base: type[Exception], name: str, key: str, secret: SecretStr | None
    ) -> None:
        self._sdk = sdk
        self._base = base
        self._name = name
        self._key = key
        self._secret = secret

    @contextmanager
    def mapped(self, texts: Iterable[str]) -> Iterator[None]:
        """Return a context manager in which the SDK's errors become those of the service.

        Args:
            texts: the prompt or the texts that are sent, to be counted if they are too long.

        Raises:
            LLMError: as `gwkit.models.protocols` says.
        """
        try:
            yield
        except self._sdk.APIStatusError as exc:
            error = self.reported(exc.body or exc.response.text, texts, exc.response)
            # The cause would go to the log with all that the server said, also of the key.
            raise error from None
        # Of a stream that has begun the HTTP client's errors come through.
        except (self._base, httpx2.TransportError, ValueError) as exc:
            raise self._unreported(exc) from exc

    def reported(
        self, error: object, texts: Iterable[str], response: httpx2.Response | None = None
    ) -> LLMError:
        """Return the service's error for one that a server reports.

        Args:
            error: the body of the error.
            texts: as for `mapped`.
            response: the answer whose status says that it failed; `None` for an error within a
                reply that seemed to succeed.
        """
        if limit := too_long(f"{error}", texts):
            return limit
        status = response.status_code if response else status_of(error)
        if "insufficient_quota" in f"{error}":
            message = f"the account of {self._key} has no credit left, says {self._name}"
            return ProviderError(message, status=status)
        return failed(
            self._name,
            status,
            response.headers if response else {},
            message_of(error),
            key=self._key,
            secret=self._secret,
            path=response.url.path if response else "",
        )

    def _unreported(self, exc: Exception) -> LLMError:
        if isinstance(exc, (self._sdk.APITimeoutError, httpx2.TimeoutException)):
            return too_late(self._name)
        if isinstance(exc, (self._sdk.APIConnectionError, httpx2.TransportError)):
            return broken(self._name)
        if isinstance(exc, self._base):
            return ProviderError(f"{self._name} could not be asked: {type(exc).__name__}")
        # The SDK lets its JSON parser's error through; Pydantic's is a ValueError, too.
        return InvalidResponseError(response=str(exc), expected=PROMISED)
