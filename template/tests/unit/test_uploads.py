"""Valid ids of uploaded documents: `app.api.uploads`."""

from __future__ import annotations

import io

import pytest
from fastapi import UploadFile
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app.api.uploads import UploadForm
from gwkit.errors import IngestError


def upload(name: str | None, size: int | None = 3) -> UploadFile:
    """Return an uploaded file of that name."""
    return UploadFile(io.BytesIO(b"abc"), filename=name, size=size)


@pytest.mark.parametrize(
    "document_id",
    ["a.md", "guides/a.md", "Straße/Café 1.md", "a#b?c.md", "..a/b..md", "日本語.txt"],
)
def test_a_relative_path_may_be_an_id(document_id: str) -> None:
    """Any readable relative path is an id, in any script."""
    assert [document_id] == list(UploadForm(files=[upload(document_id)]).documents(10))


@pytest.mark.parametrize(
    "document_id",
    [
        "a" * 10_000,
        "../a.md",
        "a/../b.md",
        "a/..",
        "./a.md",
        "a//b.md",
        "a/",
        "/etc/passwd",
        "C:\\a.md",
        "..\\a.md",
        "a\nb.md",
        "a\x00.md",
        "a\x1b[31m.md",
        "a\u202egpj.md",
        "a\ud800.md",
    ],
)
def test_what_is_no_relative_path_is_refused(document_id: str) -> None:
    """Ids that leave the folder, are hidden or too long are rejected, from every field."""
    for form in (
        UploadForm(files=[upload(document_id)]),
        UploadForm(files=[upload("a.md")], id=document_id),
    ):
        with pytest.raises(IngestError):
            form.documents(10)


def test_the_file_s_name_is_the_id_and_the_prefix_goes_before_it() -> None:
    """Both fields' files count, in order; a prefix may end in a slash or not."""
    for prefix in ("guides", "guides/"):
        form = UploadForm(file=[upload("a.md")], files=[upload("b.md")], prefix=prefix)

        assert ["guides/a.md", "guides/b.md"] == list(form.documents(10))


def test_a_given_id_takes_the_place_of_the_name() -> None:
    """The id of a single file takes precedence over the file's name."""
    form = UploadForm(files=[upload("../../x")], id="guides/a.md")

    assert ["guides/a.md"] == list(form.documents(10))


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        (UploadForm(), "files", "there is no file: send one"),
        (UploadForm(files=[upload("")]), "files", "a file has no name"),
        (UploadForm(files=[upload("a.md"), upload(None)]), "files", "a file has no name"),
        (UploadForm(files=[upload("")], prefix="guides"), "files", "a file has no name"),
        (UploadForm(files=[upload("a"), upload("b")], id="c"), "id", "one file"),
        (UploadForm(files=[upload("a")], id="c", prefix="d"), "id", "one file"),
        (UploadForm(files=[upload("a"), upload("a")]), "files", "same id"),
    ],
)
def test_a_form_that_makes_no_sense_is_refused(form: UploadForm, field: str, message: str) -> None:
    """The error names the field and the reason."""
    with pytest.raises(RequestValidationError) as caught:
        form.documents(10)

    error = caught.value.errors()[0]
    assert ("body", field) == error["loc"]
    assert message in error["msg"]


@pytest.mark.parametrize("size", [11, None])
def test_a_file_above_the_limit_is_refused(size: int | None) -> None:
    """A file that is too large, or of unknown size, is rejected before it is read."""
    with pytest.raises(HTTPException) as caught:
        UploadForm(files=[upload("a.md", size)]).documents(10)

    assert 413 == caught.value.status_code
