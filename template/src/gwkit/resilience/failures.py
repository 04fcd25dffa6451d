"""Turns the status and headers of a failed call into an error of the tree, for every provider."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from gwkit.errors import ProviderError, ProviderTimeoutError, RateLimitError, TokenLimitError
from gwkit.logging.redaction import MASK, in_base64
from gwkit.text.characters import count_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import SecretStr

__all__ = [
    "broken",
    "failed",
    "mask_parts",
    "message_of",
    "retry_after",
    "status_of",
    "too_late",
    "too_long",
]

_STATUSES: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The statuses of errors that come within a reply, which itself began with 200."""

_PASSING = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS}
)
_KEY_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_NOT_FOUND = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_FIRST_ERROR, _FIRST_SERVER_ERROR, _LAST_ERROR = 400, 500, 599
_MOST_CHARACTERS = 300
_MOST_SEARCHED = 2_000
_SHORTEST_TAIL, _SHORTEST_PART = 4, 8
_PATH = re.compile(r"(?:(?!/v1/).)*/v1/(?:chat/completions|embeddings|messages)")

# How vendors, and the servers that speak their protocols, put it: Anthropic's two texts, OpenAI's
# old and new one, vLLM's, and that of TEI.
_TOO_LONG = re.compile(
    r"prompt is too long|exceed context limit|maximum context length|context_length_exceeded"
    r"|maximum model length|maximum input length|must have less than \d+ tokens",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:maximum context length (?:is|of)|maximum (?:model|input) length (?:is|of)|less than|>)"
    r"\s*(\d+)",
    re.IGNORECASE,
)
_USED = re.compile(
    r"(?:resulted in|requested|too long:|limit:|given:|input of)\s*(\d+)(?:\s*\+\s*(\d+))?",
    re.IGNORECASE,
)


def failed(
    model: str,
    status: int | None,
    headers: Mapping[str, str],
    message: str,
    *,
    key: str,
    secret: SecretStr | None = None,
    path: str = "",
) -> ProviderError:
    """Return the error for an answer with a status of 400 or above.

    Args:
        model: who answered, in the form `provider:model`.
        status: the HTTP status, `None` for an error within a reply that does not say which it is.
        headers: those of the answer.
        message: what the provider says of it. Where the key is at fault it is not shown, because
            providers quote parts of the key there.
        key: the variable that holds the key.
        secret: the key; parts of it that the message quotes are masked.
        path: where the request went, for a hint if there is nothing there.
    """
    wait = retry_after(headers)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        told = "" if wait is None else f"; it says to wait for {math.ceil(wait)} seconds"
        return RateLimitError(f"{model} takes no more calls for now{told}", retry_after=wait)
    if status in _KEY_REFUSED:
        text = f"{model} refuses the key, or what it may do ({status}); check {key}"
    else:
        said = " ".join(message[:_MOST_SEARCHED].split())
        if secret is not None:
            said = mask_parts(said, secret.get_secret_value())
        text = f"{model} answered {status or 'with an error'}: {said[:_MOST_CHARACTERS]}"
    if status in _NOT_FOUND and path and not _PATH.fullmatch(path):
        url = key.replace("API_KEY", "BASE_URL")
        once = "without /v1" if path.endswith("/messages") else "with one /v1"
        text += f"; the path was {path}, so check that {url} ends {once}"
    passing = status is None or status in _PASSING or status >= _FIRST_SERVER_ERROR
    return ProviderError(text, status=status, passing=passing, retry_after=wait)


def mask_parts(text: str, secret: str) -> str:
    """Return a text without the secret, its base64, and parts of them: the last 4 characters, or 8.

    It is for what a server says who was sent the secret; it takes long for a long text.
    """
    for whole in (secret, *in_base64(secret)):
        start, parts = 0, []
        while start < len(text):
            end = start
            while end < len(text) and text[start : end + 1] in whole:
                end += 1
            part = text[start:end]
            is_tail = len(part) >= _SHORTEST_TAIL and whole.endswith(part)
            masked = is_tail or len(part) >= _SHORTEST_PART
            parts.append(MASK if masked else text[start])
            start = end if masked else start + 1
        text = "".join(parts)
    return text


def message_of(error: object) -> str:
    """Return what a provider says, in whichever member of its error that is."""
    if isinstance(error, dict):
        for name in ("message", "error", "detail", "msg"):
            if error.get(name):
                return message_of(error[name])
    return f"{error}"


def status_of(error: object) -> int | None:
    """Return the status that an error within a reply stands for, or `None` if it does not say."""
    if isinstance(error, dict):
        for name in ("code", "status", "type"):
            text = f"{error.get(name)}"
            status = int(text) if re.fullmatch(r"[1-9]\d\d", text) else _STATUSES.get(text, 0)
            if _FIRST_ERROR <= status <= _LAST_ERROR:
                return status
    return None


def broken(model: str) -> ProviderError:
    """Return the error for a connection that could not be made, or that broke."""
    return ProviderError(f"the connection to {model} failed", passing=True)


def too_late(model: str) -> ProviderTimeoutError:
    """Return the error for an answer, or a piece of it, that did not come."""
    return ProviderTimeoutError(f"{model} sent nothing in time")


def too_long(message: str, texts: Iterable[str]) -> TokenLimitError | None:
    """Return the error where a provider's message says that the prompt is too long, else `None`.

    Args:
        message: what the provider says.
        texts: what was sent, to be counted where the message has no number.
    """
    if not _TOO_LONG.search(message):
        return None
    text = message.replace(",", "")
    limit, used = _LIMIT.search(text), _USED.search(text)
    if used:
        counted = sum(int(part) for part in used.groups() if part)
    else:
        counted = sum(map(count_tokens, texts))
    return TokenLimitError(tokens_used=counted, limit=int(limit[1]) if limit else None)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a provider asks to wait, or `None` where it does not say.

    RFC 9110, section 10.2.3: `Retry-After` is a number of seconds or a date. OpenAI's and Azure's
    `retry-after-ms` is more exact and goes before it.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = headers.get(name, "").strip()
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            return float(text) * unit
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    # A date in a time zone that it does not name is one in UTC (RFC 5322, section 3.3).
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
