"""Fitting a prompt to a model: passages are left out, the lowest-ranked first, each as a whole."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import structlog

from app.exceptions import TokenLimitError
from gwkit.text.tokens import count_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gwkit.index.ports import Hit
    from gwkit.models.messages import ChatRequest

__all__ = ["fewer", "fitted"]

_log = structlog.stdlib.get_logger(__name__)

_SAFETY = 0.9
"""How much of its limit is used once a model has refused a prompt: tokens here are estimates."""


def fitted(
    hits: Sequence[Hit],
    request_with: Callable[[Sequence[Hit]], ChatRequest],
    window_tokens: int | None,
) -> Sequence[Hit]:
    """Return the best hits whose prompt leaves room for the answer in the window.

    Args:
        hits: what was found, best first; at least one.
        request_with: makes the request that sends such hits.
        window_tokens: most tokens of prompt and answer together, `None` for any number.

    Raises:
        TokenLimitError: there is no room even for the best one.
    """
    if window_tokens is None:
        return hits

    def tokens_with(kept: int) -> int:
        request = request_with(hits[:kept])
        return request.max_tokens + sum(count_tokens(each.content) for each in request.messages)

    if tokens_with(len(hits)) <= window_tokens:
        return hits
    # A prompt of more passages takes more tokens, and to make one for each number takes long.
    kept = bisect_right(range(1, len(hits)), window_tokens, key=tokens_with)
    if not kept:
        raise TokenLimitError(tokens_used=tokens_with(1), limit=window_tokens)
    _log.warning("prompt_fitted", passages=kept, left_out=len(hits) - kept)
    return hits[:kept]


def fewer(hits: Sequence[Hit], error: TokenLimitError) -> Sequence[Hit]:
    """Return fewer hits, for a model that has refused them as too long.

    At most half of their text, and less where the model allows less; the best one always stays.

    Raises:
        TokenLimitError: there is only one hit.
    """
    if len(hits) == 1:
        raise error
    share = min(0.5, _SAFETY * error.limit / error.tokens_used) if error.limit else 0.5
    left = share * sum(count_tokens(hit.text) for hit in hits)
    kept = 0
    for hit in hits:
        left -= count_tokens(hit.text)
        if left < 0:
            break
        kept += 1
    _log.warning("prompt_shortened", passages=max(1, kept), limit=error.limit)
    return hits[: max(1, kept)]
