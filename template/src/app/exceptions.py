"""Every error that the service raises on purpose; they are defined in `gwkit.errors`.

    AppError
    ├── ConfigError            the settings cannot work: the process stops at start
    ├── IngestError            a document could not be read, parsed or written
    │   ├── UnsupportedTypeError   no loader for this kind of file
    │   ├── SkippedError           parsing exceeded a limit too often, and is not tried again
    │   └── ParseLimitError        parsing took more time or memory than is allowed
    ├── RetrievalError         the index could not answer
    │   ├── IndexMismatchError     the index was made with other settings
    │   ├── NoVectorsError         a search by vectors, without an embedder
    │   └── DocumentNotFoundError  no such document in the index
    ├── OverloadError          more work waits for the processor than can be done soon
    ├── EvaluationError        the golden set cannot be read, or a gate has failed to run
    └── LLMError               a model could not answer
        ├── ProviderError          the call failed: status, and whether it may pass by itself
        │   ├── RateLimitError         too many calls; says how long to wait
        │   │   ├── ModelUnavailableError  no call is sent now: too many under way, or failed
        │   │   └── BudgetExceededError    the tokens or the money of the day are used up
        │   └── ProviderTimeoutError   no reply, or no further piece of it, in time
        ├── RefusalError           the model declined to answer
        ├── TokenLimitError        the prompt does not fit the model
        ├── UnknownModelError      no such model is set up here
        └── InvalidResponseError   the reply is not what was asked for

Raise the nearest of these, or a subclass of your own. An error carries what a handler needs as
attributes; `gwkit.http.problems` maps this tree to HTTP.
"""

from __future__ import annotations

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
    "SkippedError",
    "TokenLimitError",
    "UnknownModelError",
    "UnsupportedTypeError",
]


class SkippedError(IngestError):
    """A document has exceeded a limit of parsing often enough, and was not parsed again."""
