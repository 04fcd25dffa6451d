"""Errors become problem details: `gwkit.http.problems`."""

from __future__ import annotations

import json

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from structlog.contextvars import bound_contextvars

from app import exceptions
from app.exceptions import SkippedError
from gwkit.errors import (
    AppError,
    BudgetExceededError,
    ConfigError,
    DocumentNotFoundError,
    EvaluationError,
    IndexMismatchError,
    IngestError,
    InvalidResponseError,
    LLMError,
    ModelUnavailableError,
    NoVectorsError,
    OverloadError,
    ParseLimitError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitError,
    RefusalError,
    RetrievalError,
    TokenLimitError,
    UnknownModelError,
    UnsupportedTypeError,
)
from gwkit.http.problems import MEDIA_TYPE, FieldError, ProblemResponse, problem_of

SECRET = "sk-planted-secret"

ERRORS = [
    (AppError(SECRET), 500, "internal_error"),
    (ConfigError(SECRET), 500, "internal_error"),
    (EvaluationError(SECRET), 500, "internal_error"),
    (OverloadError(), 503, "unavailable"),
    (IngestError("a.md", "it is empty"), 422, "unreadable_document"),
    (IngestError("a.md", "busy", passing=True), 503, "unreadable_document"),
    (ParseLimitError("a.pdf", "it took too long"), 422, "unreadable_document"),
    (SkippedError("a.pdf", "it took too long"), 422, "unreadable_document"),
    (UnsupportedTypeError("a.exe", "no loader"), 415, "unsupported_type"),
    (RetrievalError(SECRET), 503, "index_unavailable"),
    (NoVectorsError(), 422, "no_vectors"),
    (IndexMismatchError({"embedder": (SECRET, "b")}), 503, "index_unavailable"),
    (DocumentNotFoundError("a.md"), 404, "document_not_found"),
    (LLMError(SECRET), 502, "model_failed"),
    (ProviderError(SECRET, status=401), 502, "model_failed"),
    (ProviderTimeoutError(SECRET), 504, "model_timeout"),
    (RefusalError("a:b", SECRET), 422, "refused"),
    (RateLimitError(SECRET, retry_after=2.5), 503, "model_busy"),
    (ModelUnavailableError(SECRET), 503, "model_busy"),
    (BudgetExceededError(SECRET, retry_after=60), 503, "budget_exceeded"),
    (TokenLimitError(tokens_used=10, limit=5), 422, "too_many_tokens"),
    (UnknownModelError("a:b", ["c:d"]), 422, "unknown_model"),
    (InvalidResponseError(response=SECRET, expected="JSON"), 502, "model_failed"),
    (TimeoutError(SECRET), 504, "timeout"),
    (ValueError(SECRET), 500, "internal_error"),
    (KeyError(SECRET), 500, "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "code"), ERRORS)
def test_each_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    """An error has the status and code of its nearest class in the table."""
    problem, _ = problem_of(error)

    assert (status, code) == (problem.status, problem.code)


def test_every_error_of_the_tree_is_in_the_table_above() -> None:
    """A new class of errors cannot be forgotten."""
    tested = {type(error).__name__ for error, _, _ in ERRORS}

    assert set(exceptions.__all__) <= tested


@pytest.mark.parametrize("error", [error for error, _, _ in ERRORS])
def test_a_server_side_cause_is_never_told(error: Exception) -> None:
    """The text of a server error stays in the log."""
    problem, headers = problem_of(error)

    assert SECRET not in problem.model_dump_json()
    assert SECRET not in str(headers)


def test_the_caller_s_own_error_is_explained() -> None:
    """The text of a client error is shown."""
    problem, _ = problem_of(TokenLimitError(tokens_used=10, limit=5))

    assert "the request takes 10 tokens and 5 are allowed; shorten it" == problem.detail


@pytest.mark.parametrize(
    ("retry_after", "header"), [(2.5, "3"), (0.0, "1"), (0.2, "1"), (60.0, "60"), (None, "1")]
)
def test_a_busy_model_says_when_to_come_back(retry_after: float | None, header: str) -> None:
    """`Retry-After` is in whole seconds, rounded up, and never 0."""
    _, headers = problem_of(RateLimitError("busy", retry_after=retry_after))

    assert {"Retry-After": header} == headers


def test_an_overloaded_service_says_when_to_come_back() -> None:
    """`Retry-After` is the same as for too many requests."""
    assert {"Retry-After": "1"} == problem_of(OverloadError())[1]


def test_a_provider_s_own_time_to_come_back_is_passed_on() -> None:
    """The provider's wait is passed on, if there is one."""
    told = ProviderError("away", status=503, passing=True, retry_after=1.2)

    assert {"Retry-After": "2"} == problem_of(told)[1]
    assert {} == problem_of(ProviderError("away", status=503, passing=True))[1]


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "not_found"), (413, "too_large"), (418, "http_418"), (499, "http_499")],
)
def test_an_http_exception_keeps_its_status_detail_and_headers(status: int, code: str) -> None:
    """The detail that a route raises on purpose is shown unchanged, whatever the status."""
    problem, headers = problem_of(HTTPException(status, "because", {"X-Why": "so"}))

    assert (status, code, "because") == (problem.status, problem.code, problem.detail)
    assert {"X-Why": "so"} == headers


def test_a_validation_error_says_where_and_what_but_not_the_value() -> None:
    """Each error has a location and a message, but not the input, which may be a secret."""
    error = RequestValidationError(
        [{"loc": ("body", "k"), "msg": "too small", "type": "x", "input": SECRET, "ctx": {}}]
    )

    problem, _ = problem_of(error)

    assert 422 == problem.status
    assert (FieldError(loc=("body", "k"), msg="too small"),) == problem.errors
    assert SECRET not in problem.model_dump_json()


def test_a_validation_error_has_a_bound() -> None:
    """A caller who sends a thousand unknown fields gets 50 errors with short locations."""
    error = RequestValidationError(
        [{"loc": ("body", f"{n}" + "x" * 500), "msg": "extra"} for n in range(1000)]
    )

    problem, _ = problem_of(error)

    assert problem.errors is not None
    assert 50 == len(problem.errors)
    assert 100 == max(len(str(part)) for each in problem.errors for part in each.loc)
    assert problem.detail.endswith("(the first 50 of 1000)")


def test_a_field_s_name_may_be_no_valid_text() -> None:
    """A lone surrogate in an unknown field's name does not break the response."""
    problem, _ = problem_of(RequestValidationError([{"loc": ("\ud800",), "msg": "extra"}]))

    assert [{"loc": ["?"], "msg": "extra"}] == json.loads(bytes(ProblemResponse(problem).body))[
        "errors"
    ]


def test_the_response_is_a_problem_document_with_the_request_id() -> None:
    """The body has the members of RFC 9457 and ours, and the right media type."""
    with bound_contextvars(request_id="abc"):
        problem, headers = problem_of(DocumentNotFoundError("a.md"))

    response = ProblemResponse(problem, headers=headers)

    assert MEDIA_TYPE == response.headers["content-type"]
    assert {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "document_not_found",
        "detail": "there is no document 'a.md' in the index",
        "request_id": "abc",
    } == json.loads(bytes(response.body))
