"""The tools; arguments and results are those of the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.api.routes.search import search_chunks
from app.api.schemas import AnswerResponse, SearchRequest, SearchResponse
from app.graph.state import Question

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from app.services import Services

__all__ = ["TOOLS", "ToolPart"]


@dataclass(frozen=True, slots=True)
class ToolPart:
    """A tool.

    Args:
        description: what it does, for the model that may call it.
        request: its arguments.
        result: what it returns.
        run: does it.
    """

    description: str
    request: type[BaseModel]
    result: type[BaseModel]
    run: Callable[[Any, Services], Awaitable[BaseModel]]


async def _answer(question: Question, services: Services) -> AnswerResponse:
    return AnswerResponse.of(await services.answerer.answer(question))


TOOLS: Final = {
    "search": ToolPart(
        "Search the team's documents. Returns the passages that fit the query, best first, each "
        "with its document and headings. Use it to read what the documents say, word by word.",
        SearchRequest,
        SearchResponse,
        search_chunks,
    ),
    "answer": ToolPart(
        "Answer a question from the team's documents. The answer cites them: `[n]` is the n-th of "
        "`citations`. If `found` is false, the documents do not contain the answer.",
        Question,
        AnswerResponse,
        _answer,
    ),
}
"""The tools by name."""
