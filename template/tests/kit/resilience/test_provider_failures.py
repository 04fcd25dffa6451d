"""Mapping of a provider's failed call to an error of the tree."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from gwkit.errors import RateLimitError
from gwkit.logging.redaction import MASK
from gwkit.resilience.failures import failed, mask_parts, retry_after, too_long


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 0.25 "}, 0.25),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 -0000"}, 0.0),
        ({"retry-after": "Fri, 99 Dec 1999 23:59:59 GMT"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds and dates (RFC 9110); invalid values are ignored."""
    assert seconds == retry_after(headers)


def test_a_date_in_the_future_is_so_many_seconds_away() -> None:
    """The time is measured by this machine's clock."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=9_000), usegmt=True)
    assert retry_after({"retry-after": date}) == pytest.approx(9_000, abs=600)


@pytest.mark.parametrize(
    ("message", "used", "limit"),
    [
        ("prompt is too long: 200251 tokens > 200000 maximum", 200_251, 200_000),
        (
            "input length and `max_tokens` exceed context limit: 195000 + 8192 > 200000, decrease",
            203_192,
            200_000,
        ),
        (
            "This model's maximum context length is 8192 tokens. You resulted in 9,001 tokens.",
            9_001,
            8_192,
        ),
        (
            "This model's maximum context length is 4097 tokens, you requested 5001 (4001 in it).",
            5_001,
            4_097,
        ),
        ("context_length_exceeded Your input exceeds the context window of this model.", 2, None),
        ("`inputs` must have less than 512 tokens. Given: 640", 640, 512),
    ],
)
def test_a_prompt_that_is_too_long_is_recognised(
    message: str, used: int, limit: int | None
) -> None:
    """For any wording; without a number, the tokens of the request are counted."""
    error = too_long(message, ["four", "more"])
    assert error is not None
    assert (used, limit) == (error.tokens_used, error.limit)


def test_other_messages_are_of_other_things() -> None:
    """A long message does not mean a long prompt."""
    assert too_long("Unsupported parameter: 'max_tokens' > 5", ["four"]) is None


def test_the_key_is_named_and_not_shown() -> None:
    """Providers quote parts of the key; the error names only the variable."""
    error = failed("a:b", 401, {}, "Incorrect API key provided: sk-pl****nted", key="SOME_KEY")
    assert "SOME_KEY" in str(error)
    assert "nted" not in str(error)
    assert (401, False, None) == (error.status, error.passing, error.retry_after)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("key sk-abcdefghij01 is wrong", f"key {MASK} is wrong"),
        ("key ...ij01 is wrong", f"key ...{MASK} is wrong"),
        ("key bcdefghi*** is wrong", f"key {MASK}*** is wrong"),
        ("key sk-abc*** is wrong, not defghi", "key sk-abc*** is wrong, not defghi"),
        (b64encode(b"sk-abcdefghij01").decode()[:12], MASK),
    ],
)
def test_parts_of_a_secret_are_masked(text: str, masked: str) -> None:
    """Its end, and any longer part, also of its base64, but not a few characters."""
    assert masked == mask_parts(text, "sk-abcdefghij01")


def test_a_reason_is_told_on_one_short_line() -> None:
    """Servers respond with whole pages."""
    error = failed("a:b", 503, {"retry-after": "2"}, "<html>\n" * 500, key="SOME_KEY")
    assert len(str(error)) < 400
    assert "\n" not in str(error)
    assert (503, True, 2.0) == (error.status, error.passing, error.retry_after)


def test_too_many_calls_have_their_own_error() -> None:
    """It has the time to wait."""
    error = failed("a:b", 429, {"retry-after": "2"}, "slow down", key="SOME_KEY")
    assert isinstance(error, RateLimitError)
    assert (429, True, 2.0) == (error.status, error.passing, error.retry_after)
