"""What an answer says when there is none: in the question's language, and what came nearest."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.graph.state import NearPassage
from gwkit.models.messages import HEADING_SEPARATOR, NOT_FOUND, SEARCHED_CHARACTERS
from gwkit.text.words import content_words, guess_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.graph.state import Answer
    from gwkit.index.store import Hit

__all__ = ["explain"]

_MOST_NEAREST: Final = 3
_TEXTS: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


def explain(answer: Answer, question: str, hits: Sequence[Hit]) -> Answer:
    """Return the answer, but one that is `NOT_FOUND` in words for the reader.

    It speaks the question's language and lists the nearest passages. A question of function words
    only, such as `And how is it?`, is asked back for instead.

    Args:
        answer: to the question.
        question: as it was asked.
        hits: what the search found, best first.
    """
    if answer.answer != NOT_FOUND:
        return answer
    language = guess_language(question)
    texts = _TEXTS.get(language, _TEXTS["en"])
    if not content_words(question[:SEARCHED_CHARACTERS], language):
        return answer.model_copy(update={"answer": texts["unclear"]})
    nearest = tuple(
        NearPassage(
            document=hit.document,
            chunk=hit.chunk,
            heading=HEADING_SEPARATOR.join(hit.headings or (hit.title,)),
            text=hit.text,
        )
        for hit in hits[:_MOST_NEAREST]
    )
    return answer.model_copy(update={"answer": texts["not_found"], "nearest": nearest})
