"""Errors have the fields that a handler needs."""

from __future__ import annotations

import inspect

import pytest

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

ERRORS = (
    AppError("anything"),
    ConfigError("APP_PORT: wrong", "APP_HOST: wrong"),
    IngestError("a/b.md", "it is empty", passing=True),
    UnsupportedTypeError("a.exe", "no loader reads .exe"),
    RetrievalError("the index is locked"),
    IndexMismatchError({"dimension": ("256", "512")}),
    DocumentNotFoundError("a/b.md"),
    EvaluationError("line 3 is no JSON"),
    LLMError("the model is away"),
    ProviderError("the model's server failed", status=500, passing=True, retry_after=2.0),
    RateLimitError("too many calls", retry_after=1.5),
    ProviderTimeoutError("no reply came in time"),
    RefusalError("x:y", "the policy of its provider"),
    TokenLimitError(tokens_used=9_000, limit=None),
    UnknownModelError("x:y", {"offline:b", "offline:a"}),
    InvalidResponseError(response="<html>", expected="JSON"),
    ParseLimitError("a.pdf", "takes too long", content_hash="1f"),
    ModelUnavailableError("left alone", retry_after=30.0),
    BudgetExceededError("used up", retry_after=60.0),
    OverloadError(),
    SkippedError("a.pdf", "takes too long; skipped after 3 attempts"),
    NoVectorsError(),
)


TYPES = {
    name: item
    for name, item in vars(exceptions).items()
    if inspect.isclass(item) and issubclass(item, BaseException)
}


def test_every_error_is_tested_here() -> None:
    """The examples of this file cover the tree."""
    assert set(TYPES) == {type(error).__name__ for error in ERRORS}


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (ERRORS[1], {"problems": ("APP_PORT: wrong", "APP_HOST: wrong")}),
        (ERRORS[2], {"document": "a/b.md", "reason": "it is empty", "passing": True}),
        (ERRORS[5], {"differences": {"dimension": ("256", "512")}}),
        (ERRORS[6], {"document": "a/b.md"}),
        (ERRORS[9], {"status": 500, "passing": True, "retry_after": 2.0}),
        (ERRORS[10], {"status": 429, "passing": True, "retry_after": 1.5}),
        (ERRORS[11], {"status": None, "passing": True, "retry_after": None}),
        (ERRORS[12], {"model": "x:y", "reason": "the policy of its provider"}),
        (ERRORS[13], {"tokens_used": 9_000, "limit": None}),
        (ERRORS[14], {"model": "x:y", "known": ("offline:a", "offline:b")}),
        (ERRORS[15], {"response": "<html>", "expected": "JSON"}),
    ],
)
def test_errors_carry_what_a_handler_needs(error: AppError, attributes: dict[str, object]) -> None:
    """A handler need not parse messages."""
    assert attributes == vars(error)


def test_a_config_error_has_a_line_for_each_problem() -> None:
    """Its text is the complete report."""
    assert "one\ntwo" == str(ConfigError("one", "two"))


def test_a_mismatch_names_the_remedy() -> None:
    """It has the differences, and the command that rebuilds the index."""
    text = str(IndexMismatchError({"embedder": ("a:b", "c:d"), "dimension": ("1", "2")}))
    assert "embedder 'a:b' (now 'c:d'), dimension '1' (now '2')" in text
    assert "python -m app ingest --rebuild" in text


def test_a_reply_is_not_in_the_text_of_its_error() -> None:
    """A model's text may be anything, and error texts reach callers."""
    assert "<html>" not in str(InvalidResponseError(response="<html>", expected="JSON"))
