"""Problem details (RFC 9457): the one place where an error becomes an HTTP answer.

`type` stays `about:blank`, so `title` is the status's phrase; what a program tells errors apart by
is the member `code`. An answer with a status of 500 or above says nothing of its cause: that is in
the log, under the same request id.
"""

from __future__ import annotations

import math
from http.client import responses
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Protocol, runtime_checkable

from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gwkit.errors import (
    BudgetExceededError,
    DocumentNotFoundError,
    IngestError,
    LLMError,
    NoVectorsError,
    OverloadError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitError,
    RefusalError,
    RetrievalError,
    TokenLimitError,
    UnknownModelError,
    UnsupportedTypeError,
)
from gwkit.logging.formatting import request_id
from gwkit.models.messages import Strict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "MEDIA_TYPE",
    "PROBLEM_RULES",
    "ErrorFormat",
    "FieldError",
    "Problem",
    "ProblemResponse",
    "ProblemRule",
    "error_response",
    "problem_of",
]

MEDIA_TYPE: Final = "application/problem+json"

# What FastAPI says of a body that it could not read, whatever the reason.
_UNREAD: Final = "There was an error parsing the body"
# A number with more digits than Python reads is a plain ValueError, so it stands last.
_UNREAD_BECAUSE: Final[Mapping[type[BaseException], str]] = {
    UnicodeDecodeError: "the body is not UTF-8, which JSON has to be",
    RecursionError: "the JSON in the body is nested too deeply",
    ValueError: "a number in the JSON of the body has too many digits",
    BaseException: "the body could not be read",
}
_NOT_JSON: Final = "this was not sent as JSON: set the header `Content-Type: application/json`"

_BUDGET_USED_UP: Final = (
    "the models' budget of this day is used up; Retry-After says when the next one begins"
)
_MOST_ERRORS: Final = 50
_MOST_LOCATION_CHARACTERS: Final = 100


class FieldError(Strict):
    """One thing that is wrong with a request: where, and what; never the value itself."""

    loc: tuple[str | int, ...]
    msg: str


class Problem(Strict):
    """An error for a person (`detail`) and for a program (`status`, `code`)."""

    type: str = "about:blank"
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    code: str
    detail: str
    request_id: str | None = None
    errors: tuple[FieldError, ...] | None = None


class ProblemRule(NamedTuple):
    """How one class of errors is answered; without a `detail` the error's own text is shown."""

    error: type[Exception]
    status: int
    code: str
    detail: str | None = None


# Looked up along the error's class hierarchy, so the nearest one wins.
PROBLEM_RULES: Final = (
    ProblemRule(
        Exception, 500, "internal_error", "internal error; see the log under this request id"
    ),
    ProblemRule(TimeoutError, 504, "timeout", "the request took longer than is allowed"),
    ProblemRule(OverloadError, 503, "unavailable", "too much work is waiting; try again later"),
    ProblemRule(IngestError, 422, "unreadable_document"),
    ProblemRule(UnsupportedTypeError, 415, "unsupported_type"),
    ProblemRule(RetrievalError, 503, "index_unavailable", "the index could not answer"),
    ProblemRule(NoVectorsError, 422, "no_vectors"),
    ProblemRule(DocumentNotFoundError, 404, "document_not_found"),
    ProblemRule(LLMError, 502, "model_failed", "the model could not answer"),
    ProblemRule(RateLimitError, 503, "model_busy", "the model takes no more calls for now"),
    ProblemRule(BudgetExceededError, 503, "budget_exceeded", _BUDGET_USED_UP),
    ProblemRule(ProviderTimeoutError, 504, "model_timeout", "the model did not answer in time"),
    ProblemRule(RefusalError, 422, "refused", "the model declined to answer this"),
    ProblemRule(TokenLimitError, 422, "too_many_tokens"),
    ProblemRule(UnknownModelError, 422, "unknown_model"),
)
"""How the errors of the kit are answered."""

# Python has renamed some statuses over its versions; these names are part of the interface.
_CODES: Final[Mapping[int, str]] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_incomplete",
    413: "too_large",
    415: "unsupported_type",
    421: "foreign_host",
    422: "invalid_request",
    429: "too_many_requests",
    503: "unavailable",
}


class ProblemResponse(Response):
    """A problem as an HTTP response."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, *, headers: Mapping[str, str] | None = None) -> None:
        body = problem.model_dump_json(exclude_none=True)
        super().__init__(body, status_code=problem.status, headers=headers)


@runtime_checkable
class ErrorFormat(Protocol):
    """A route whose errors have a form of their own, as the protocol that it speaks prescribes."""

    def error_response(self, problem: Problem, headers: Mapping[str, str]) -> Response:
        """Return the problem as a response."""

    def error_event(self, problem: Problem) -> bytes:
        """Return the problem as the last event of a stream."""


def error_response(route: object, problem: Problem, headers: Mapping[str, str]) -> Response:
    """Return a problem as a response, in the form of the route if it has one."""
    if isinstance(route, ErrorFormat):
        return route.error_response(problem, headers)
    return ProblemResponse(problem, headers=headers)


def problem_of(
    error: Exception, rules: Sequence[ProblemRule] = PROBLEM_RULES
) -> tuple[Problem, dict[str, str]]:
    """Return the problem that the caller gets for an error, and the headers that belong to it.

    Args:
        error: what was raised.
        rules: how each class of errors is answered; one for `Exception` has to be among them.
    """
    if isinstance(error, RequestValidationError):
        return _invalid_request(error), {}
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, f"http_{error.status_code}")
        return _problem(error.status_code, code, _told(error)), dict(error.headers or {})
    known = {rule.error: rule for rule in rules}
    rule = next(known[cls] for cls in type(error).__mro__ if cls in known)
    status = 503 if isinstance(error, IngestError) and error.passing else rule.status
    headers: dict[str, str] = {}
    told = error.retry_after if isinstance(error, ProviderError) else None
    if isinstance(error, OverloadError | RateLimitError) or told is not None:
        headers["Retry-After"] = str(max(1, math.ceil(told or 0)))
    return _problem(status, rule.code, rule.detail or str(error)), headers


def _problem(
    status: int, code: str, detail: str, errors: tuple[FieldError, ...] | None = None
) -> Problem:
    return Problem(
        title=responses.get(status, "Error"),
        status=status,
        code=code,
        detail=detail,
        request_id=request_id() or None,
        errors=errors,
    )


def _told(error: HTTPException) -> str:
    if error.detail != _UNREAD or error.__cause__ is None:
        return error.detail
    cause = error.__cause__
    return next(text for kind, text in _UNREAD_BECAUSE.items() if isinstance(cause, kind))


def _invalid_request(error: RequestValidationError) -> Problem:
    found = error.errors()
    detail = "the request is not valid; `errors` says where"
    if len(found) > _MOST_ERRORS:
        detail += f" (the first {_MOST_ERRORS} of {len(found)})"
    errors = tuple(
        FieldError(loc=tuple(_shown(part) for part in item["loc"]), msg=_message(item))
        for item in found[:_MOST_ERRORS]
    )
    if isinstance(error.body, bytes):  # which is what FastAPI makes of another content type
        errors = (FieldError(loc=("body",), msg=_NOT_JSON),)
    return _problem(422, _CODES[422], detail, errors)


def _message(item: Mapping[str, Any]) -> str:
    if item.get("type") == "json_invalid":
        return f"not valid JSON: {item['ctx']['error']}"
    message: str = item["msg"]
    return message.removeprefix("Value error, ")


def _shown(part: str | int) -> str | int:
    # The name of an unknown field is the caller's: of any length, even with lone surrogates.
    if isinstance(part, int):
        return part
    return part[:_MOST_LOCATION_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
