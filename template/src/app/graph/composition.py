"""From a model's reply, whole or in pieces, to an answer whose every statement can be checked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import structlog

from app.exceptions import InvalidResponseError
from app.graph.links import InertLinks
from app.graph.state import Answer
from app.graph.statements import cite
from gwkit.models.messages import NOT_FOUND, Usage

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from gwkit.index.store import Hit
    from gwkit.models.messages import ChatReply

__all__ = ["NO_USAGE", "WITHHELD", "ReplyText", "compose", "not_found"]

WITHHELD = "The answer is withheld: it states what the cited documents do not say."
"""The answer where `APP_CITATIONS` is `refuse` and a check failed."""

NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)
"""The usage of an answer for which no model was asked."""

_log = structlog.stdlib.get_logger(__name__)

_TOKEN = re.compile(
    r"(?P<ticks>`+)|(?P<gap>\n[ \t]*\n)| ?\[(?P<numbers>\d{1,4}(?:, ?\d{1,4}){0,99})\]"
)
_SHORTEST_FENCE = 3
# What could become a citation if the token after it were taken out.
_OPEN = re.compile(r"\[[\d, ]*\Z")
_OPEN_WITHIN = 200
# What could still become one of these when more text comes: no token is longer.
_UNFINISHED = re.compile(r"(?:(?<!`)`+|(?<![ \t\n])[ \t\n]+| ?\[[\d, ]{0,600})\Z")


def compose(
    reply: ChatReply, hits: Sequence[Hit], *, question: str = "", prompt_hash: str
) -> Answer:
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
        return not_found(reply.model, reply.usage, question=question, prompt_hash=prompt_hash)
    cut_off = reply.finish_reason == "length"
    if not text or (cut_off and not shown.cited):
        raise InvalidResponseError(response=text, expected="a text that goes up to a citation")
    if cut_off:
        _log.warning("answer_cut_off", model=reply.model, setting="APP_MAX_TOKENS")
    if not shown.cited:
        _log.warning("answer_without_citation", model=reply.model)
        return not_found(reply.model, reply.usage, question=question, prompt_hash=prompt_hash)
    return Answer(
        answer=text,
        citations=cite(text, [hits[number - 1] for number in shown.cited]),
        question=question,
        model=reply.model,
        usage=reply.usage,
        found=True,
        prompt_hash=prompt_hash,
        finish_reason=reply.finish_reason,
    )


def not_found(
    model: str, usage: Usage = NO_USAGE, *, question: str = "", prompt_hash: str
) -> Answer:
    """Return the answer that the documents do not say."""
    return Answer(
        answer=NOT_FOUND,
        citations=(),
        question=question,
        model=model,
        usage=usage,
        found=False,
        prompt_hash=prompt_hash,
    )


class ReplyText:
    """Passes a reply's text through: its citations are numbered as listed, its links become inert.

    A number that no passage has is taken out, and the others are counted from 1 in the order in
    which they first appear. Code stays as it is, for `row[1]` is no citation: what stands in
    fences, or between backticks within a paragraph.
    The text that comes out does not depend on the pieces in which it went in.

    Args:
        known: the numbers of the passages that were sent.
    """

    def __init__(self, known: Collection[int]) -> None:
        self._known = frozenset(known)
        self._links = InertLinks()
        self._numbers: dict[int, int] = {}
        self._held = ""
        self._before = ""
        self._code = ""

    @property
    def cited(self) -> tuple[int, ...]:
        """The passages' numbers in the order of the new ones."""
        return tuple(self._numbers)

    def feed(self, text: str) -> str:
        """Take a piece and return what is certain by now."""
        text = self._held + text
        unfinished = _UNFINISHED.search(text)
        end = unfinished.start() if unfinished else len(text)
        self._held = text[end:]
        return self._passed(text[:end])

    def finish(self) -> str:
        """Return what was held back, as no more text comes."""
        return self._passed(self._held) + self._links.finish()

    def _passed(self, text: str) -> str:
        passed = _TOKEN.sub(self._renumbered, text)
        self._before = (self._before + text)[-_OPEN_WITHIN:]
        return self._links.feed(passed)

    def _renumbered(self, token: re.Match[str]) -> str:
        ticks = token["ticks"]
        if ticks and self._code in {"", ticks}:
            self._code = "" if self._code else ticks
        if token["gap"] and len(self._code) < _SHORTEST_FENCE:
            self._code = ""
        if not token["numbers"] or self._code:
            return token[0]
        numbers = [int(number) for number in token["numbers"].split(",")]
        new = [
            self._numbers.setdefault(number, len(self._numbers) + 1)
            for number in dict.fromkeys(numbers)
            if number in self._known
        ]
        if not new:
            start = token.start()
            before = self._before + token.string[max(0, start - _OPEN_WITHIN) : start]
            return "[?]" if _OPEN.search(before[-_OPEN_WITHIN:]) else ""
        space = " " if token[0].startswith(" ") else ""
        return space + "".join(f"[{number}]" for number in new)
