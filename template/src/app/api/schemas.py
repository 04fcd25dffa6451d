"""The bodies of requests and answers, validated at the edge."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from app.graph.state import Answer, Citation, Question, QuestionOptions
from gwkit.index.store import Filters, SearchMode
from gwkit.models.messages import Prompt, Strict
from gwkit.telemetry.context import request_id

__all__ = [
    "AnswerRequest",
    "AnswerResponse",
    "Citations",
    "DocumentEntry",
    "DocumentPage",
    "FilterFields",
    "FoundChunk",
    "Health",
    "IngestedDocument",
    "IngestedDocuments",
    "SearchRequest",
    "SearchResponse",
    "Traced",
]

_Count = Annotated[int, Field(strict=True, ge=1, le=100)]
_Key = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Value = Annotated[str, StringConstraints(max_length=1_000)]


class Traced(Strict, use_attribute_docstrings=True):
    """An answer that says which request it belongs to."""

    request_id: str = Field(default_factory=request_id)
    """As in the header `X-Request-ID`."""


class FilterFields(Strict, use_attribute_docstrings=True):
    """Narrow the documents that take part; every condition must hold."""

    prefix: Annotated[str, Field(max_length=1_000)] = ""
    """Prefix of the document's id."""

    metadata: Annotated[dict[_Key, _Value], Field(max_length=20)] = Field(default_factory=dict)
    """Metadata that the document has, name and value."""

    def to_filters(self) -> Filters:
        """Return the filters as the retriever takes them."""
        return Filters(prefix=self.prefix, metadata=self.metadata)


class AnswerRequest(QuestionOptions):
    """A question; an option that is left out is as the service's settings say."""

    stream: StrictBool = False
    """Answer as server-sent events."""

    filters: FilterFields = Field(default_factory=FilterFields)

    def to_question(self) -> Question:
        """Return the question as the graph takes it."""
        fields = self.model_dump(exclude={"stream", "filters"})
        return Question(filters=self.filters.to_filters(), **fields)


class AnswerResponse(Answer, Traced):
    """An answer whose every `[n]` is the n-th of its citations."""

    @staticmethod
    def of(answer: Answer) -> AnswerResponse:
        """Return the answer with its request's id; it has been validated already."""
        return AnswerResponse.model_construct(**dict(answer))


class Citations(Strict):
    """The data of the event `citations`."""

    citations: tuple[Citation, ...]


class SearchRequest(Strict, use_attribute_docstrings=True):
    """A search; the query is plain text and no query language."""

    query: Prompt = Field(examples=["upload a file"])
    """The first 10,000 characters are searched for, and at most 64 different words of them."""

    k: _Count = 8
    """Most chunks to return."""

    filters: FilterFields = Field(default_factory=FilterFields)
    mode: SearchMode = SearchMode.HYBRID
    """Which legs of the search take part."""


class FoundChunk(Strict):
    """A chunk that was found; its score orders the chunks of one search only."""

    model_config = ConfigDict(from_attributes=True)

    document: str
    chunk: str
    score: float
    title: str
    headings: tuple[str, ...]
    text: str
    metadata: dict[str, str]


class SearchResponse(Traced):
    """The chunks that were found, best first."""

    hits: tuple[FoundChunk, ...]


class IngestedDocument(Strict):
    """An uploaded file and its outcome: `added`, `changed` or `unchanged`."""

    document: str
    outcome: str


class IngestedDocuments(Traced):
    """The outcome of each uploaded file, in the order of the upload."""

    documents: tuple[IngestedDocument, ...]


class DocumentEntry(Strict):
    """A document in the index; the hash is the SHA-256 of its bytes, in hexadecimal."""

    model_config = ConfigDict(from_attributes=True)

    document: str
    content_hash: str
    chunks: int
    indexed_at: str


class DocumentPage(Traced):
    """Documents in the order of their ids; `next` is the `after` of the next page, if any."""

    documents: tuple[DocumentEntry, ...]
    next: str | None


class Health(Strict):
    """The answer to a probe."""

    status: str
