"""The token estimate, whose bounds the chunker's budget needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.text.characters import count_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("\u6f22\u5b57", 2), ("\ud800", 1)],
)
def test_a_quarter_of_the_bytes_rounded_up(text: str, tokens: int) -> None:
    """The estimate is as documented, also for lone surrogates."""
    assert tokens == count_tokens(text)


@given(st.text(), st.text())
def test_bounds_of_a_concatenation(first: str, second: str) -> None:
    """Joining two texts saves at most one token, costs none, and never removes any."""
    apart, together = count_tokens(first) + count_tokens(second), count_tokens(first + second)
    assert apart - 1 <= together <= apart
    assert together >= max(count_tokens(first), count_tokens(second))


@given(st.text(min_size=1))
def test_no_text_is_free(text: str) -> None:
    """A text that is not empty takes at least one token."""
    assert count_tokens(text) >= 1
