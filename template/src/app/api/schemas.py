"""The bodies of requests and answers, validated at the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import ConfigDict, Field, StrictBool

from app.graph.state import Answer, Citation, Located, Question
from app.graph.statements import location
from gwkit.index.store import Filters, SearchMode
from gwkit.logging.formatting import request_id
from gwkit.models.messages import Prompt, Strict

if TYPE_CHECKING:
    from gwkit.documents import Chunk
    from gwkit.index.store import Hit

__all__ = [
    "AnswerRequest",
    "AnswerResponse",
    "Citations",
    "DocumentDetails",
    "DocumentEntry",
    "DocumentPage",
    "FoundChunk",
    "Health",
    "IngestedDocument",
    "IngestedDocuments",
    "PassageDetails",
    "SearchRequest",
    "SearchResponse",
    "StoredPassage",
    "Traced",
]


class Traced(Strict, use_attribute_docstrings=True):
    """An answer that says which request it belongs to."""

    request_id: str = Field(default_factory=request_id)
    """As in the header `X-Request-ID`."""


class AnswerRequest(Question):
    """A question; an option that is left out is as the service's settings say."""

    # It does not change the answer, so it is no part of what the cache takes for the question.
    stream: StrictBool = Field(default=False, exclude=True)
    """Answer as server-sent events."""


class AnswerResponse(Answer, Traced):
    """An answer whose every `[n]` is the n-th of its citations."""


class Citations(Strict):
    """The data of the event `citations`."""

    citations: tuple[Citation, ...]


class SearchRequest(Strict, use_attribute_docstrings=True):
    """A search; the query is plain text and no query language."""

    query: Prompt = Field(examples=["upload a file"])
    """The first 10,000 characters are searched for, and at most 64 different words of them."""

    k: Annotated[int, Field(strict=True, ge=1, le=100)] = 8
    """Most chunks to return."""

    filters: Filters = Field(default_factory=Filters)
    mode: SearchMode = SearchMode.HYBRID
    """Which legs of the search take part."""


class FoundChunk(Located):
    """A chunk that was found; its score orders the chunks of one search only.

    Page, sheet and row are those of its beginning.
    """

    document: str
    chunk: str
    score: float
    title: str
    headings: tuple[str, ...]
    text: str
    metadata: dict[str, str]

    @staticmethod
    def of(hit: Hit) -> FoundChunk:
        """Return a hit as the API gives it."""
        found = FoundChunk.model_validate(hit, from_attributes=True)
        return found.model_copy(update={**location(hit.places, 0)})


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


class StoredPassage(Located):
    """A passage of a document: the part that is found and cited as one.

    Page, sheet and row are those of its beginning.
    """

    number: int
    """Its place in the document, from 0."""

    chunk: str
    headings: tuple[str, ...]
    text: str

    @staticmethod
    def of(document: str, chunk: Chunk) -> StoredPassage:
        """Return a chunk of a document as the API gives it."""
        return StoredPassage(
            number=chunk.position,
            chunk=f"{document}#{chunk.position}",
            headings=chunk.headings,
            text=chunk.text,
            **location(chunk.places, 0),
        )


class DocumentDetails(DocumentEntry, Traced):
    """A document with some of its passages; `next` is the `first` of the next ones, if any.

    `incomplete` says what could not be read of it; it is empty where all was.
    """

    title: str
    metadata: dict[str, str]
    incomplete: str
    passages: tuple[StoredPassage, ...]
    next: int | None


class PassageDetails(Traced):
    """A passage of a document, with those before and after it."""

    document: str
    title: str
    before: tuple[StoredPassage, ...]
    passage: StoredPassage
    after: tuple[StoredPassage, ...]


class Health(Strict):
    """The answer to a probe."""

    status: str
