"""`/v1/documents`: add, list, read and remove what the index holds."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Form, Query
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.api.documentation import problems
from app.api.schemas import (
    DocumentDetails,
    DocumentEntry,
    DocumentPage,
    IngestedDocument,
    IngestedDocuments,
    PassageDetails,
    StoredPassage,
)
from app.api.uploads import UploadForm
from app.exceptions import DocumentNotFoundError
from app.ingestion.names import document_name

if TYPE_CHECKING:
    from app.services import Services
    from gwkit.index.store import StoredDocument

__all__ = [
    "PATH",
    "add_documents",
    "list_documents",
    "read_document",
    "read_passage",
    "remove_document",
    "router",
]

PATH: Final = "/v1/documents"


class _AnyText(PathConvertor):
    # A file's name may hold a line break, at which Starlette's own pattern ends.
    regex = "(?s:.*)"


register_url_convertor("any_text", _AnyText())

router = APIRouter(prefix=PATH, tags=["documents"])


@router.post(
    "",
    responses={
        200: {"description": "No document is new: each was changed, or is as it was."},
        201: {"description": "At least one document is new.", "model": IngestedDocuments},
        **problems(400, 415, 422, 502),
    },
)
async def add_documents(
    form: Annotated[UploadForm, Form(media_type="multipart/form-data")],
    response: Response,
    services: OpenServices,
) -> IngestedDocuments:
    """Add documents, or replace those that have the same id, which by default is the file's name.

    Ids and sizes are checked before the first document is taken. Then one follows the other: when
    one cannot be read, the answer is the problem that names it, and those before it are kept.
    """
    done = []
    for document_id, file in form.documents(services.settings.max_document_bytes).items():
        outcome = await services.pipeline.ingest_upload(document_id, await file.read())
        done.append(IngestedDocument(document=document_id, outcome=outcome.value))
    response.status_code = 201 if any(item.outcome == "added" for item in done) else 200
    return IngestedDocuments(documents=tuple(done))


@router.get("", responses=problems(422))
async def list_documents(
    services: OpenServices,
    prefix: Annotated[str, Query(max_length=1_000, description="Prefix of the ids.")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="Most documents to return.")] = 100,
    after: Annotated[str, Query(max_length=1_000, description="The `next` of a page.")] = "",
) -> DocumentPage:
    """Return the documents in the index, in the order of their ids."""
    entries = await services.index.documents(prefix)
    start = bisect_right(entries, after, key=attrgetter("document"))
    page = entries[start : start + limit]
    return DocumentPage(
        documents=tuple(DocumentEntry.model_validate(entry) for entry in page),
        next=page[-1].document if start + limit < len(entries) else None,
    )


@router.get("/{document_id:any_text}/passages/{number:int}", responses=problems(404, 422))
async def read_passage(
    document_id: str,
    number: int,
    services: OpenServices,
    neighbours: Annotated[
        int, Query(ge=0, le=10, description="Passages to return before it, and after it.")
    ] = 1,
) -> PassageDetails:
    """Return a passage of a document with its neighbours; passages are numbered from 0.

    Raises:
        HTTPException: 404, the document has no such passage.
    """
    first = max(0, number - neighbours)
    found = await _read(services, document_id, first, number + neighbours + 1 - first)
    if number >= found.entry.chunks:
        detail = f"{found.entry.document!r} has {found.entry.chunks} passages, numbered from 0"
        raise HTTPException(404, detail)
    passages = tuple(StoredPassage.of(found.entry.document, chunk) for chunk in found.chunks)
    return PassageDetails(
        document=found.entry.document,
        title=found.title,
        before=passages[: number - first],
        passage=passages[number - first],
        after=passages[number - first + 1 :],
    )


@router.get("/{document_id:any_text}", responses=problems(404, 422))
async def read_document(
    document_id: str,
    services: OpenServices,
    first: Annotated[int, Query(ge=0, le=10_000_000, description="First passage to return.")] = 0,
    limit: Annotated[int, Query(ge=0, le=1_000, description="Most passages to return.")] = 100,
) -> DocumentDetails:
    """Return what is known of a document, and its passages in their order."""
    found = await _read(services, document_id, first, limit)
    entry, end = found.entry, first + len(found.chunks)
    return DocumentDetails(
        document=entry.document,
        content_hash=entry.content_hash,
        chunks=entry.chunks,
        indexed_at=entry.indexed_at,
        title=found.title,
        metadata=dict(found.metadata),
        incomplete=entry.incomplete,
        passages=tuple(StoredPassage.of(entry.document, chunk) for chunk in found.chunks),
        next=end if limit and end < entry.chunks else None,
    )


async def _read(services: Services, document_id: str, first: int, count: int) -> StoredDocument:
    """Return a document with some of its chunks.

    Raises:
        DocumentNotFoundError: there is no such document.
    """
    name = document_name(document_id)
    found = await services.index.read_document(name, first=first, count=count)
    if found is None:
        raise DocumentNotFoundError(document_id)
    return found


@router.delete(
    "/{document_id:any_text}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 422),
)
async def remove_document(document_id: str, services: OpenServices) -> None:
    """Remove a document, and what is known of its failures, from the index."""
    await services.pipeline.remove(document_id)
