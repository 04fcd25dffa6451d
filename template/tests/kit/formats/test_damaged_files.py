"""What a loader makes of damaged, hostile and unusual files: content, or an error with a reason."""

from __future__ import annotations

from contextlib import suppress
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from pypdf.errors import DependencyError

from app.ingestion.loaders import Loaded, LoaderRegistry
from fixtures.files import make_docx, make_pdf
from gwkit.errors import IngestError


def _load(document: str, content: bytes | str) -> Loaded:
    data = content.encode() if isinstance(content, str) else content
    return LoaderRegistry().load(document, data)


def test_a_cipher_that_nothing_here_reads_counts_as_encrypted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Newer ciphers need a package that is not installed, which the author cannot change."""

    def decrypt(_: PdfReader, password: str) -> None:
        raise DependencyError(password)

    monkeypatch.setattr(PdfReader, "decrypt", decrypt)
    with pytest.raises(IngestError, match="encrypted"):
        _load("open.pdf", make_pdf(["text"], password=""))


@pytest.mark.parametrize("document", ["a.pdf", "a.docx"])
def test_a_file_that_is_cut_off_anywhere_is_refused(document: str) -> None:
    """A lenient parser would silently drop the missing pages."""
    whole = make_pdf(["one", "two"]) if document == "a.pdf" else make_docx(("Normal", "text"))
    assert _load(document, whole).blocks
    for size in range(1, len(whole) - 6, len(whole) // 23):
        with pytest.raises(IngestError, match=r"cut off|is not a"):
            _load(document, whole[:size])


_WHOLE = {".pdf": make_pdf(["one", "two"], title="T"), ".docx": make_docx(("Normal", "text"))}


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(_WHOLE)),
    st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=4), st.integers(0, 20)), max_size=6),
)
def test_no_damage_causes_anything_but_our_error(
    suffix: str, damages: list[tuple[float, bytes, int]]
) -> None:
    """A real file with changed, added or removed bytes is read or rejected."""
    data = _WHOLE[suffix]
    for place, put_in, taken_out in damages:
        start = int(place * len(data))
        data = data[:start] + put_in + data[start + taken_out :]
    with suppress(IngestError):
        assert all(block.text.strip() for block in _load(f"a{suffix}", data).blocks)


@settings(max_examples=50)
@given(
    st.sampled_from([".md", ".html", ".txt", ".pdf", ".docx"]),
    st.binary(max_size=200)
    | st.text(alphabet="#*_`[]()<>!-|\n\t a\\&/{}", max_size=200).map(str.encode),
)
@example(".html", b"<>")
@example(".md", b"[a]: \n<b")
def test_no_bytes_cause_anything_but_our_error(suffix: str, data: bytes) -> None:
    """Any bytes are read or rejected."""
    with suppress(IngestError):
        assert all(block.text.strip() for block in _load(f"a{suffix}", data).blocks)


@pytest.mark.parametrize("suffix", [".md", ".html", ".txt"])
@pytest.mark.parametrize(
    "unit", ["[", "![", "*a ", ">", "- ", "`a", "<", "<!--", "<b>", "a|", "---\n", "&#", "{* "]
)
def test_hostile_documents_take_reasonable_time(suffix: str, unit: str) -> None:
    """Constructions that take some parsers quadratic time."""
    started = process_time()
    with suppress(IngestError):
        _load(f"a{suffix}", unit * (100_000 // len(unit)))

    assert process_time() - started < 5
