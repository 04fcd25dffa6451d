"""A prompt that does not fit is shortened by whole passages, from the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.graph.evidence import fewer, fitted
from fixtures.models import make_hit
from gwkit.errors import TokenLimitError
from gwkit.models.messages import ChatRequest, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.index.store import Hit

HITS = tuple(make_hit("x" * 400, position=position) for position in range(6))  # 100 tokens each


def request_with(hits: Sequence[Hit]) -> ChatRequest:
    """Return a request of 10 tokens, 100 for each hit, and 50 for the answer."""
    content = "q" * 40 + "".join(hit.text for hit in hits)
    return ChatRequest(
        messages=(Message(role="user", content=content),), question="q", max_tokens=50
    )


@pytest.mark.parametrize(
    ("window", "kept"), [(None, 6), (10_000, 6), (660, 6), (659, 5), (400, 3), (160, 1)]
)
def test_what_fits_is_sent(window: int | None, kept: int) -> None:
    """The best passages are kept, as many as fit beside the tokens of the answer."""
    assert HITS[:kept] == fitted(HITS, request_with, window)


def test_without_room_for_one_nothing_is_sent() -> None:
    """The error has the required number of tokens."""
    with pytest.raises(TokenLimitError) as caught:
        fitted(HITS, request_with, 159)
    assert (160, 159) == (caught.value.tokens_used, caught.value.limit)


@pytest.mark.parametrize(
    ("used", "limit", "kept"),
    [(1_000, None, 3), (1_000, 900, 3), (1_000, 400, 2), (1_000, 100, 1), (10, 0, 3)],
)
def test_a_refused_prompt_is_shortened(used: int, limit: int | None, kept: int) -> None:
    """At most half is sent again, and less if the model reported a lower limit."""
    assert HITS[:kept] == fewer(HITS, TokenLimitError(tokens_used=used, limit=limit))


@given(st.lists(st.integers(1, 4_000), min_size=2, max_size=20), st.integers(1, 10**6))
def test_a_shortened_prompt_is_shorter(lengths: list[int], limit: int) -> None:
    """For any lengths, something is left out and something stays."""
    hits = [make_hit("x" * length, position=number) for number, length in enumerate(lengths)]
    kept = fewer(hits, TokenLimitError(tokens_used=10**6, limit=limit))
    assert 1 <= len(kept) < len(hits)
    assert list(kept) == hits[: len(kept)]
