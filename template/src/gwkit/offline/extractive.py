"""A chat model without a network: it answers by quoting the passages, with citations.

It invents nothing and understands nothing. What it says stands in the documents, word for word;
if no sentence has the question's words it replies `NOT_FOUND`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gwkit.errors import TokenLimitError
from gwkit.executor import BoundedExecutor
from gwkit.models.messages import NOT_FOUND, ChatReply, Delta, Usage
from gwkit.offline.extraction import extract
from gwkit.text.characters import BYTES_PER_TOKEN, count_tokens
from gwkit.text.sentences import QuoteKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from gwkit.models.messages import ChatRequest
    from gwkit.offline.extraction import Excerpt

__all__ = ["ExtractiveChatModel", "format_answer"]

_PIECE = re.compile(r"\s*\S+\s*")
_CODE_OR_FOOTNOTE = re.compile(r"(`+|~~~+)[\s\S]*?\1|\[(?P<number>\d+)\]")
_FULL_STOP = re.compile(r"(?<=[^.!\s])[.!]\Z")
_FENCES = ("```", "~~~")


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
    if not chosen:
        shorter = [NOT_FOUND]
    else:
        bare = replace(chosen[0], before="", after="")
        shorter = [format_answer(some) for some in (chosen, chosen[:1], [bare])]
    for text in shorter:
        if count_tokens(text) <= request.max_tokens:
            return text
    ending = f" … [{chosen[0].passage}]" if chosen else ""
    room = request.max_tokens * BYTES_PER_TOKEN - len(ending.encode())
    cut = shorter[-1].encode()[: max(0, room)].decode(errors="ignore")
    return (cut + ending).strip() if room >= 0 else ending.strip(" …")


def format_answer(chosen: Sequence[Excerpt]) -> str:
    """Return the excerpts as Markdown: the quote in each in bold, and its citation at the end."""
    return "\n\n".join(map(_formatted, chosen))


def _formatted(excerpt: Excerpt) -> str:
    before, quote, after = map(_without_citations, (excerpt.before, excerpt.quote, excerpt.after))
    citation = f"[{excerpt.passage}]"
    end = _FULL_STOP.search(after or quote)
    stop = end[0] if end else ""
    if after:
        after = after.removesuffix(stop)
    else:
        quote = quote.removesuffix(stop)
    if (before or after) and excerpt.kind is not QuoteKind.CODE:
        quote = f"**{quote.replace('**', '')}**"
    text = before + quote + after
    # A fence ends with its line.
    return f"{text}\n\n{citation}" if text.endswith(_FENCES) else f"{text} {citation}{stop}"


def _without_citations(text: str) -> str:
    """Turn a document's own `[3]` into `(3)`, which does not read as a citation; not in code."""
    return _CODE_OR_FOOTNOTE.sub(lambda m: f"({m['number']})" if m["number"] else m[0], text)
