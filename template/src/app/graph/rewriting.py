"""A chat model makes a question of its own out of a follow-up."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app.exceptions import LLMError
from app.graph.followups import standalone_question
from gwkit.models.messages import NOT_FOUND, ChatRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.graph.prompting import PromptFile
    from app.graph.state import Turn
    from gwkit.models.protocols import ChatModel

__all__ = ["ModelRewriter"]

_log = structlog.stdlib.get_logger(__name__)

_MOST_TURNS = 10
_MOST_TOKENS = 200
_LONGEST = 2_000


@dataclass(frozen=True)
class ModelRewriter:
    """Rewrites by a prompt, and by the rules of `app.graph.followups` where the model fails.

    Args:
        model: it costs one more call for each follow-up, and none for a first question.
        prompt: has the placeholders `$conversation`, `$question` and `$mark`.
    """

    model: ChatModel
    prompt: PromptFile

    async def __call__(self, question: str, messages: Sequence[Turn]) -> str:
        """Return a question that can be understood without the messages before it."""
        said = "\n".join(f"{turn.role}: {turn.content}" for turn in messages[-_MOST_TURNS:])
        values = {"mark": secrets.token_hex(16), "conversation": said, "question": question}
        request = ChatRequest(
            messages=self.prompt.filled(values),
            question=question,
            max_tokens=_MOST_TOKENS,
            prompt_hash=self.prompt.digest,
        )
        try:
            reply = await self.model.complete(request)
        except LLMError as exc:
            _log.warning("question_not_rewritten", error=type(exc).__name__)
            return standalone_question(question, messages)
        text = " ".join(reply.text.split())
        if not text or len(text) > _LONGEST or text.startswith(NOT_FOUND):
            _log.warning("question_not_rewritten", error="the reply is no question")
            return standalone_question(question, messages)
        return text
