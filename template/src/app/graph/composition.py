"""From a model's reply to an answer whose every statement can be checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from app.exceptions import InvalidResponseError
from app.graph.replies import ReplyText
from app.graph.state import Answer, Citation
from gwkit.models.messages import NOT_FOUND, Usage
from gwkit.offline.passages import HEADING_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gwkit.index.ports import Hit
    from gwkit.models.messages import ChatReply

__all__ = ["NO_USAGE", "compose", "not_found"]

NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)
"""What an answer takes for which no model was asked."""

_log = structlog.stdlib.get_logger(__name__)


def compose(reply: ChatReply, hits: Sequence[Hit], *, prompt_hash: str) -> Answer:
    """Return the answer that a reply makes, given the hits that were sent, in that order.

    A statement that cites nothing cannot be checked, so a reply without a citation of a hit
    becomes the answer that nothing was found, with a warning in the log; and so does one that
    begins with `NOT_FOUND`, whatever it adds. A reply that was cut off says so; if that happened
    before its first citation, or if there is no text, the model has failed.

    Raises:
        InvalidResponseError: there is no text, or not enough of it.
    """
    shown = ReplyText(range(1, len(hits) + 1))
    text = (shown.feed(reply.text) + shown.finish()).strip()
    if text.startswith(NOT_FOUND):
        return not_found(reply.model, reply.usage, prompt_hash=prompt_hash)
    cut_off = reply.finish_reason == "length"
    if not text or (cut_off and not shown.cited):
        raise InvalidResponseError(response=text, expected="a text that goes up to a citation")
    if cut_off:
        _log.warning("answer_cut_off", model=reply.model, setting="APP_MAX_TOKENS")
    if not shown.cited:
        _log.warning("answer_without_citation", model=reply.model)
        return not_found(reply.model, reply.usage, prompt_hash=prompt_hash)
    return Answer(
        answer=text,
        citations=tuple(_citation(hits[number - 1]) for number in shown.cited),
        model=reply.model,
        usage=reply.usage,
        found=True,
        prompt_hash=prompt_hash,
        finish_reason=reply.finish_reason,
    )


def not_found(model: str, usage: Usage = NO_USAGE, *, prompt_hash: str) -> Answer:
    """Return the answer that the documents do not say."""
    return Answer(
        answer=NOT_FOUND,
        citations=(),
        model=model,
        usage=usage,
        found=False,
        prompt_hash=prompt_hash,
    )


def _citation(hit: Hit) -> Citation:
    return Citation(
        document=hit.document,
        chunk=hit.chunk,
        score=hit.score,
        text=hit.text,
        heading=HEADING_SEPARATOR.join(hit.headings or (hit.title,)),
    )
