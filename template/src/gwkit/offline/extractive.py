"""A chat model without a network: it answers by quoting the passages, with citations.

It invents nothing and understands nothing. What it says stands in the documents, word for word;
where no sentence has the question's words it replies `NOT_FOUND`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gwkit.errors import TokenLimitError
from gwkit.executor import BoundedExecutor
from gwkit.models.messages import NOT_FOUND, ChatReply, Delta
from gwkit.models.replies import RawReply, parse_reply
from gwkit.offline.extraction import extract, set_out
from gwkit.text.tokens import BYTES_PER_TOKEN, count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from gwkit.models.messages import ChatRequest

__all__ = ["ExtractiveChatModel"]

_PIECE = re.compile(r"\s*\S+\s*")


class ExtractiveChatModel:
    """A `ChatModel` that quotes; its temperature is always 0.

    Args:
        window_tokens: the longest prompt that it takes, in estimated tokens.
    """

    def __init__(self, *, window_tokens: int = 128_000) -> None:
        self._window_tokens = window_tokens
        self._executor = BoundedExecutor(1, name="extraction")

    @property
    def name(self) -> str:
        """The model in the form `provider:model`."""
        return "offline:extractive"

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Return the quotes that answer the question.

        Raises:
            OverloadError: too many questions wait for their answers already.
            TokenLimitError: the prompt is longer than the window.
        """
        prompt_tokens = sum(count_tokens(message.content) for message in request.messages)
        if prompt_tokens > self._window_tokens:
            raise TokenLimitError(tokens_used=prompt_tokens, limit=self._window_tokens)
        text = await self._executor.run(_reply_text, request)
        raw: RawReply = {
            "model": self.name,
            "text": text,
            "usage": {"prompt_tokens": prompt_tokens, "completion_tokens": count_tokens(text)},
        }
        return parse_reply(raw)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | ChatReply]:
        """Yield the reply word by word, then the whole of it.

        Raises what `complete` raises.
        """
        reply = await self.complete(request)
        for piece in _PIECE.findall(reply.text):
            yield Delta(text=piece)
        yield reply


def _reply_text(request: ChatRequest) -> str:
    chosen = extract(request.question, request.passages)
    while chosen and count_tokens(set_out(chosen)) > request.max_tokens:
        if len(chosen) == 1:
            return _shortened(set_out(chosen), f" … [{chosen[0].passage}]", request.max_tokens)
        chosen = chosen[:-1]
    return set_out(chosen) if chosen else _shortened(NOT_FOUND, "", request.max_tokens)


def _shortened(text: str, ending: str, max_tokens: int) -> str:
    """Return the text, cut so that it ends as given and takes at most so many tokens."""
    if count_tokens(text) <= max_tokens:
        return text
    room = max_tokens * BYTES_PER_TOKEN - len(ending.encode())
    cut = text.encode()[: max(0, room)].decode(errors="ignore")
    return (cut + ending).strip() if room >= 0 else ending.strip(" …")
