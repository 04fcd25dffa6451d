"""The errors of the kit, and so of every service: `app.exceptions` draws the tree.

An error carries what a handler needs as attributes, and its text says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = [
    "AppError",
    "BudgetExceededError",
    "ConfigError",
    "DocumentNotFoundError",
    "EvaluationError",
    "IndexMismatchError",
    "IngestError",
    "InvalidResponseError",
    "LLMError",
    "ModelUnavailableError",
    "NoVectorsError",
    "OverloadError",
    "ParseLimitError",
    "ProviderError",
    "ProviderTimeoutError",
    "RateLimitError",
    "RefusalError",
    "RetrievalError",
    "TokenLimitError",
    "UnknownModelError",
    "UnsupportedTypeError",
]


class AppError(Exception):
    """Base of every error that the service raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Have errors pickled with their attributes, whatever arguments their class takes."""
        return _restore, (type(self), self.args), vars(self)


def _restore(kind: type[AppError], args: tuple[object, ...]) -> AppError:
    return kind.__new__(kind, *args)


class ConfigError(AppError):
    """The settings cannot work.

    Args:
        problems: one readable line per problem, each naming its variable.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class IngestError(AppError):
    """A document could not be read, parsed or written.

    Args:
        document: the document's id.
        reason: what went wrong and, where there is something to do, what.
        passing: whether another attempt may succeed without a change to the document.
    """

    def __init__(self, document: str, reason: str, *, passing: bool = False) -> None:
        self.document = document
        self.reason = reason
        self.passing = passing
        super().__init__(f"{document}: {reason}")


class OverloadError(AppError):
    """More work waits for the processor than can be done soon."""

    def __init__(self) -> None:
        super().__init__("the service has as much work as it can do; try again later")


class UnsupportedTypeError(IngestError):
    """No loader reads this kind of file."""


class ParseLimitError(IngestError):
    """Parsing the document took more time or memory than is allowed, or crashed the parser.

    Args:
        document: the document's id.
        reason: which limit it was, or how the parser ended.
        content_hash: of the bytes that did it, where that is known.
    """

    def __init__(self, document: str, reason: str, *, content_hash: str = "") -> None:
        self.content_hash = content_hash
        super().__init__(document, reason)


class RetrievalError(AppError):
    """The index could not answer."""


class IndexMismatchError(RetrievalError):
    """The index was made with another embedder, dimension or chunker than the settings name.

    Args:
        differences: for each part of the manifest that differs, what the index has and what the
            settings ask for.
    """

    def __init__(self, differences: dict[str, tuple[str, str]]) -> None:
        self.differences = differences
        parts = ", ".join(
            f"{name} {was!r} (now {now!r})" for name, (was, now) in differences.items()
        )
        super().__init__(
            f"the index was made with {parts}; "
            "rebuild it with `python -m app ingest --rebuild PATH`, or set back what has changed"
        )


class NoVectorsError(RetrievalError):
    """A search by vectors, where the index has none."""

    def __init__(self) -> None:
        super().__init__("there is no embedder, so only words can be searched for")


class DocumentNotFoundError(RetrievalError):
    """The index holds no such document.

    Args:
        document: the id that was asked for.
    """

    def __init__(self, document: str) -> None:
        self.document = document
        super().__init__(f"there is no document {document!r} in the index")


class EvaluationError(AppError):
    """A golden set cannot be read, or does not fit the index."""


class LLMError(AppError):
    """A model could not answer."""


class ProviderError(LLMError):
    """A call to a provider failed.

    Args:
        message: what failed and, where there is something to do, what; never a key.
        status: the HTTP status, or `None` where none came.
        passing: whether the same call may succeed later: 408, 409, 429, every 5xx, and a
            connection that could not be made or broke.
        retry_after: seconds to wait as the provider told, or `None` where it did not.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.passing = passing
        self.retry_after = retry_after
        super().__init__(message)


class RateLimitError(ProviderError):
    """The provider refuses further calls for now.

    Args:
        message: who refuses, and why where that is known.
        retry_after: seconds to wait as the provider told, or `None` where it did not.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, status=429, passing=True, retry_after=retry_after)


class ModelUnavailableError(RateLimitError):
    """A call was not sent: too many are under way, or too many have failed just now."""


class BudgetExceededError(RateLimitError):
    """The daily budget of the settings is used up; the next one begins at midnight UTC."""


class ProviderTimeoutError(ProviderError):
    """A provider sent no reply, or no further piece of one, in time; that may pass.

    Args:
        message: what took too long.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, passing=True)


class RefusalError(LLMError):
    """A model declined to answer, or its provider withheld the answer; the same call will again.

    Args:
        model: the model, in the form `provider:model`.
        reason: what the provider told.
    """

    def __init__(self, model: str, reason: str) -> None:
        self.model = model
        self.reason = reason
        super().__init__(f"{model} declined to answer: {reason}")


class TokenLimitError(LLMError):
    """The prompt and its reply do not fit the model.

    Args:
        tokens_used: tokens that the request would take; an estimate where the provider gave none.
        limit: tokens that the model or the settings allow, or `None` if unknown.
    """

    def __init__(self, *, tokens_used: int, limit: int | None) -> None:
        self.tokens_used = tokens_used
        self.limit = limit
        allowed = "fewer" if limit is None else str(limit)
        super().__init__(
            f"the request takes {tokens_used} tokens and {allowed} are allowed; shorten it"
        )


class UnknownModelError(LLMError):
    """A question asks for a model that is not set up here.

    Args:
        model: the name that was asked for.
        known: the names that there are.
    """

    def __init__(self, model: str, known: Collection[str]) -> None:
        self.model = model
        self.known = tuple(sorted(known))
        super().__init__(f"there is no model {model!r}; known: {', '.join(self.known)}")


class InvalidResponseError(LLMError):
    """A model's reply is not what was asked for.

    Args:
        response: the reply as it came, for the log at DEBUG; never shown to a caller.
        expected: what the reply should have been.
    """

    def __init__(self, *, response: str, expected: str) -> None:
        self.response = response
        self.expected = expected
        super().__init__(f"the model's reply is not {expected}")
