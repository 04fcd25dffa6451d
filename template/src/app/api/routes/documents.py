"""`/v1/documents`: add, list and remove what the index holds."""

from __future__ import annotations

from bisect import bisect_right
from operator import attrgetter
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response

from app.api.dependencies import OpenServices
from app.api.documentation import problems
from app.api.schemas import DocumentEntry, DocumentPage, IngestedDocument, IngestedDocuments
from app.api.uploads import UploadForm

__all__ = ["PATH", "add_documents", "list_documents", "remove_document", "router"]

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


@router.delete(
    "/{document_id:any_text}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 422),
)
async def remove_document(document_id: str, services: OpenServices) -> None:
    """Remove a document, and what is known of its failures, from the index."""
    await services.pipeline.remove(document_id)
