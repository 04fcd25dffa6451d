"""Uploaded files: which document each one is, and whether it may be taken at all."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.exceptions import HTTPException

from app.ingestion.preparation import check_document_id
from app.llm.messages import Strict

__all__ = ["UploadForm"]

_MOST_FILES: Final = 100

_Files = Annotated[list[UploadFile], Field(max_length=_MOST_FILES)]


class UploadForm(Strict):
    """The fields of an upload; `file` and `files` mean the same, and both may be repeated."""

    file: _Files = Field(default=[], description="A document.")
    files: _Files = Field(default=[], description="Documents.")
    id: str | None = Field(
        default=None, description="The document's id, where there is one file and no prefix."
    )
    prefix: str | None = Field(
        default=None, description="A folder that goes before the files' names, as in `guides`."
    )

    def documents(self, limit: int) -> dict[str, UploadFile]:
        """Return the files by their document ids, in the order of the upload.

        Args:
            limit: largest file, in bytes.

        Raises:
            RequestValidationError: there is no file, or an id that fits none or occurs twice.
            IngestError: an id is none that a document can have.
            HTTPException: 413, a file is larger than the limit.
        """
        files = [*self.file, *self.files]
        if not files:
            raise RequestValidationError([_error("files", "there is no file")])
        if self.id is not None and (len(files) > 1 or self.prefix is not None):
            message = "an id goes with one file, and without a prefix"
            raise RequestValidationError([_error("id", message)])
        documents = {self._id_of(file): file for file in files}
        if len(documents) < len(files):
            raise RequestValidationError([_error("files", "two files have the same id")])
        for document_id, file in documents.items():
            check_document_id(document_id)
            if file.size is None or file.size > limit:
                raise HTTPException(413, f"{document_id}: {limit} bytes are allowed")
        return documents

    def _id_of(self, file: UploadFile) -> str:
        if self.id is not None:
            return self.id
        name = file.filename or ""
        return f"{self.prefix.removesuffix('/')}/{name}" if self.prefix else name


def _error(field: str, message: str) -> dict[str, object]:
    return {"loc": ("body", field), "msg": message, "type": "value_error"}
