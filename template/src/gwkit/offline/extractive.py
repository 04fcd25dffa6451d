"""A chat model without a network: it answers by quoting the passages, with citations.

It invents nothing and understands nothing. What it says stands in the documents, word for word;
if no sentence has the question's words it replies `NOT_FOUND`.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from gwkit.errors import TokenLimitError
from gwkit.executor import BoundedExecutor
from gwkit.models.messages import NOT_FOUND, ChatReply, Delta, Usage
from gwkit.offline.extraction import extract
from gwkit.offline.passages import QuoteKind
from gwkit.text.words import BYTES_PER_TOKEN, count_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Sequence

    from gwkit.models.messages import ChatRequest
    from gwkit.offline.passages import Quote

__all__ = ["ExtractiveChatModel", "format_answer"]

_PIECE = re.compile(r"\s*\S+\s*")
_CODE_OR_FOOTNOTE = re.compile(r"`[^`]*`|\[(?P<number>\d+)\]")
_TICKS = re.compile(r"`+")


class ExtractiveChatModel:
    """A `ChatModel` that quotes; its temperature is always 0.

    Args:
        window_tokens: the longest prompt that it takes, in estimated tokens.
    """

    name = "offline:extractive"

    def __init__(self, *, window_tokens: int = 128_000) -> None:
        self._window_tokens = window_tokens
        self._executor = BoundedExecutor(1, name="extraction")

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
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=count_tokens(text))
        return ChatReply(text=text, model=self.name, usage=usage)

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
    text = format_answer(chosen) or NOT_FOUND
    while len(chosen) > 1 and count_tokens(text) > request.max_tokens:
        chosen = chosen[:-1]
        text = format_answer(chosen)
    if count_tokens(text) <= request.max_tokens:
        return text
    ending = f" … [{chosen[0].passage}]" if chosen else ""
    room = request.max_tokens * BYTES_PER_TOKEN - len(ending.encode())
    cut = text.encode()[: max(0, room)].decode(errors="ignore")
    return (cut + ending).strip() if room >= 0 else ending.strip(" …")


def format_answer(chosen: Sequence[Quote]) -> str:
    """Return the quotes as Markdown, each paragraph, list or code with its citation."""
    text = "\n\n".join(_parts(chosen))
    # If nothing follows a colon, what it announced is not part of the passage.
    return f"{text[:-1]}." if text.endswith(":") else text


def _parts(chosen: Sequence[Quote]) -> Iterator[str]:
    announced = 0
    for (passage, _, kind), run in groupby(
        chosen, key=lambda quote: (quote.passage, quote.block, quote.kind)
    ):
        texts = [quote.text for quote in run]
        # What a sentence of the same passage announces is cited there.
        citation = "" if announced == passage else f"[{passage}]"
        announced = passage if texts[-1].endswith(":") else 0
        if kind is QuoteKind.CODE:
            code = "\n".join(texts)
            fence = "`" * max(3, *(len(ticks) + 1 for ticks in _TICKS.findall(code)), 0)
            yield f"{fence}\n{code}\n{fence}"
            if citation:
                yield citation
        else:
            if kind is QuoteKind.ROW and len(texts) > 1:
                texts = [f"- {text}" for text in texts]
            yield _cited((" " if kind is QuoteKind.SENTENCE else "\n").join(texts), citation)


def _cited(text: str, citation: str) -> str:
    """Put the citation before the full stop, or at the end if there is none."""
    # A document's own `[3]` becomes `(3)`, which does not read as a citation; not in code.
    text = _CODE_OR_FOOTNOTE.sub(lambda m: f"({m['number']})" if m["number"] else m[0], text)
    if not citation:
        return text
    end = text[-1] if text.endswith((".", "!", ":")) and not text.endswith("..") else ""
    return f"{text.removesuffix(end)} {citation}{end}"
