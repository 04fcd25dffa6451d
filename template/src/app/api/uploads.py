"""Uploaded files: which document each one is, and whether it may be taken at all."""

from __future__ import annotations

import errno
from typing import Annotated, Final

import structlog
from fastapi import UploadFile
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, Field
from starlette.exceptions import HTTPException

from app.ingestion.names import check_document_id, document_name
from gwkit.models.messages import Strict

__all__ = ["UploadForm", "not_kept"]

_log = structlog.stdlib.get_logger(__name__)

_MOST_FILES: Final = 100
_NO_NAME: Final = "a file has no name: send one as its `filename`"
# ENOENT is what Python says when it looks for a folder for the first time, and each is full.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOENT})
_NO_FILE: Final = "there is no file: send one as `file`, in a form (multipart/form-data)"


def _are_files(values: object) -> object:
    """Refuse text in the place of a file, which is what a part without a file name is.

    Raises:
        ValueError: one of them is text.
    """
    if isinstance(values, list) and any(isinstance(value, str) for value in values):
        raise ValueError(_NO_NAME)
    return values


_Files = Annotated[list[UploadFile], BeforeValidator(_are_files), Field(max_length=_MOST_FILES)]


class UploadForm(Strict, use_attribute_docstrings=True):
    """The fields of an upload; `file` and `files` mean the same, and both may be repeated."""

    file: _Files = Field(default=[])
    """A document."""

    files: _Files = Field(default=[])
    """Documents."""

    id: str | None = None
    """The document's id, where there is one file and no prefix."""

    prefix: str | None = None
    """A folder that goes before the files' names, as in `guides`."""

    def documents(self, limit: int) -> dict[str, UploadFile]:
        """Return the files by their document ids, in the order of the upload.

        Args:
            limit: largest file, in bytes.

        Raises:
            RequestValidationError: there is no file, one has no name, or an id fits none or occurs
                twice.
            IngestError: an id is none that a document can have.
            HTTPException: 413, a file is larger than the limit.
        """
        files = [*self.file, *self.files]
        if not files:
            raise RequestValidationError([_error("files", _NO_FILE)])
        if self.id is not None and (len(files) > 1 or self.prefix is not None):
            message = "an id goes with one file, and without a prefix"
            raise RequestValidationError([_error("id", message)])
        if self.id is None and not all(file.filename for file in files):
            raise RequestValidationError([_error("files", _NO_NAME)])
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
            return document_name(self.id)
        name = file.filename or ""
        whole = f"{self.prefix.removesuffix('/')}/{name}" if self.prefix else name
        return document_name(whole)


def not_kept(error: OSError) -> HTTPException:
    """Return what becomes of an upload for which there is no room until all of it is here.

    A larger one waits in a file, where the system keeps temporary ones.

    Raises:
        OSError: the error itself, which has another reason.
    """
    if error.errno not in _NO_ROOM:
        raise error
    _log.warning("upload_not_kept", error=str(error))
    return HTTPException(503, "there is no room here for the upload; try again later")


def _error(field: str, message: str) -> dict[str, object]:
    return {"loc": ("body", field), "msg": message, "type": "value_error"}
