"""A call that can succeed is tried again, after a wait, and not for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from gwkit.errors import (
    BudgetExceededError,
    InvalidResponseError,
    LLMError,
    ModelUnavailableError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitError,
    RefusalError,
    TokenLimitError,
)
from gwkit.resilience.current_call import Call
from gwkit.resilience.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SERVER = ProviderError("server", status=500, passing=True)
INVALID = InvalidResponseError(response="<html>", expected="JSON")


class Attempts:
    """Raises the errors in order, then returns how many attempts there were."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.made = 0
        self.waits: list[float] = []

    async def __call__(self) -> int:
        """Count and make one attempt."""
        self.made += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.made

    async def sleep(self, seconds: float) -> None:
        """Do not wait, but record the time."""
        self.waits.append(seconds)


def retry(attempts: Attempts, most: int = 3) -> Callable[[], Awaitable[int]]:
    """Return the runner of attempts."""
    part = Retry("fake:one", attempts=most, sleep=attempts.sleep)
    return lambda: part.run(attempts)


@pytest.mark.parametrize(
    "error",
    [
        SERVER,
        ProviderError("no connection", passing=True),
        ProviderError("conflict", status=409, passing=True),
        RateLimitError("slow down"),
        ProviderTimeoutError("too late"),
        INVALID,
    ],
)
async def test_what_may_pass_is_tried_again(error: Exception) -> None:
    """The second attempt's result is returned."""
    attempts = Attempts(error)
    assert 2 == await retry(attempts)()


@pytest.mark.parametrize(
    "error",
    [
        *(ProviderError("no", status=status) for status in (400, 401, 403, 404, 422)),
        TokenLimitError(tokens_used=2, limit=1),
        RefusalError("fake:one", "policy"),
        ModelUnavailableError("busy"),
        BudgetExceededError("used up"),
        LLMError("anything else"),
        ValueError("a bug"),
    ],
)
async def test_what_cannot_pass_is_raised_at_once(error: Exception) -> None:
    """A retry would cost again, or the request was never sent."""
    attempts = Attempts(error)
    with pytest.raises(type(error)) as caught:
        await retry(attempts)()
    assert caught.value is error
    assert (1, []) == (attempts.made, attempts.waits)


async def test_the_last_error_is_raised() -> None:
    """It is raised unchanged, after the maximum number of attempts."""
    attempts = Attempts(*(ProviderError(str(n), status=500, passing=True) for n in range(9)))
    with pytest.raises(ProviderError, match="2"):
        await retry(attempts, most=3)()
    assert (3, 2) == (attempts.made, len(attempts.waits))


async def test_an_invalid_reply_is_asked_for_again_once() -> None:
    """A second one is raised, also with other errors in between."""
    attempts = Attempts(INVALID, SERVER, INVALID)
    with pytest.raises(InvalidResponseError):
        await retry(attempts, most=9)()
    assert 3 == attempts.made


async def test_waits_grow_and_differ() -> None:
    """Full jitter: up to 0.5 s, 1 s, 2 s, …, never above the maximum, and not all equal."""
    attempts = Attempts(*[SERVER] * 200)
    await Retry("fake:one", attempts=300, most_seconds=4, sleep=attempts.sleep).run(attempts)
    ceilings = [min(4.0, 0.5 * 2**n) for n in range(200)]
    assert all(0 <= wait <= most for wait, most in zip(attempts.waits, ceilings, strict=True))
    assert max(attempts.waits) > 2
    assert min(attempts.waits[3:]) < 1


async def test_the_provider_says_how_long_to_wait() -> None:
    """The wait is at least the provider's, and not much longer."""
    errors = (
        RateLimitError("wait", retry_after=7.0),
        ProviderError("overloaded", status=503, passing=True, retry_after=30.0),
    )
    attempts = Attempts(*errors)
    await retry(attempts)()
    first, second = attempts.waits
    assert 7.0 <= first <= 7.5
    assert 30.0 <= second <= 30.5


async def test_what_would_come_too_late_is_not_waited_for() -> None:
    """If the deadline is before the next attempt, the caller gets the error at once."""
    attempts = Attempts(RateLimitError("wait", retry_after=60.0))
    with Call.begin(seconds=10).entered(), pytest.raises(RateLimitError):
        await retry(attempts)()
    assert (1, []) == (attempts.made, attempts.waits)


async def test_a_retry_is_logged() -> None:
    """LOG3: a warning with the failure and the wait, without the error's text."""
    with capture_logs() as logs:
        await retry(Attempts(ProviderError("with a key", status=503, passing=True)))()
    (event,) = logs
    assert ("llm_attempt_failed", "warning") == (event["event"], event["log_level"])
    assert ("fake:one", 1, "ProviderError", 503) == (
        event["model"],
        event["attempt"],
        event["error"],
        event["status"],
    )
    assert "key" not in str(event)


async def test_runs_do_not_share_what_they_count() -> None:
    """One part serves every concurrent call of a model."""
    attempts = [Attempts(INVALID, SERVER), Attempts(INVALID, SERVER)]
    part = Retry("fake:one", attempts=3, sleep=attempts[0].sleep)
    assert [3, 3] == [await part.run(each) for each in attempts]
