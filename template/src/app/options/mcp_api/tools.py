"""The tools; arguments and results are those of the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final  # noqa: TID251 - each tool has its own type of request

from pydantic import Field, StringConstraints

from app.api.routes.search import search_chunks
from app.api.schemas import AnswerResponse, SearchRequest, SearchResponse, Traced
from app.exceptions import DocumentNotFoundError
from app.graph.state import Question
from app.ingestion.names import document_name
from gwkit.models.messages import Strict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from app.services import Services

__all__ = ["TOOLS", "DocumentPassage", "DocumentRequest", "DocumentText", "ToolPart"]


class DocumentRequest(Strict, use_attribute_docstrings=True):
    """A document to read, in passages."""

    document: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    """The document's id, as `search` and `answer` return it."""

    first: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    """First passage to return; passages are numbered from 0."""

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    """Most passages to return."""


class DocumentPassage(Strict):
    """A passage of a document, with its number and the headings above it."""

    number: int
    headings: tuple[str, ...]
    text: str


class DocumentText(Traced):
    """Passages of a document, in order; `next` is the `first` of the next ones, if any."""

    document: str
    title: str
    passages: tuple[DocumentPassage, ...]
    next: int | None


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
    answer = await services.answerer.answer(question)
    return AnswerResponse.model_construct(**dict(answer))  # it has been validated already


async def _get_document(request: DocumentRequest, services: Services) -> DocumentText:
    name = document_name(request.document)
    found = await services.index.read_document(name, first=request.first, count=request.limit)
    if found is None:
        raise DocumentNotFoundError(request.document)
    end = request.first + len(found.chunks)
    return DocumentText(
        document=found.entry.document,
        title=found.title,
        passages=tuple(
            DocumentPassage(number=chunk.position, headings=chunk.headings, text=chunk.text)
            for chunk in found.chunks
        ),
        next=end if found.chunks and end < found.entry.chunks else None,
    )


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
    "get_document": ToolPart(
        "Read a document, passage by passage, in its order. Use it to see what stands around a "
        "passage that `search` has found.",
        DocumentRequest,
        DocumentText,
        _get_document,
    ),
}
"""The tools by name."""
