"""A name is one document in any Unicode normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import normalize

import pytest

from app.ingestion.discovery import discover, revisit
from app.ingestion.names import document_name, locate

if TYPE_CHECKING:
    from pathlib import Path

NFC, NFD = (normalize(form, "Übersicht/Größe.md") for form in ("NFC", "NFD"))


def test_names_are_in_nfc() -> None:
    """All spellings give the same name."""
    assert (NFC, NFC) == (document_name(NFC), document_name(NFD))


@pytest.mark.parametrize("written", [NFC, NFD])
def test_a_file_is_found_by_its_id(tmp_path: Path, written: str) -> None:
    """The id is in NFC, and leads back to the file."""
    file = tmp_path / written
    file.parent.mkdir()
    file.write_text("text")
    (found,) = discover([tmp_path], {".md"}).files

    assert (NFC, "") == (found.document, found.problem)
    assert found.path.samefile(file)
    assert locate(tmp_path, NFC).samefile(file)
    assert "" == revisit(NFC, str(tmp_path)).problem
    assert "no longer" in revisit("Ü/b.md", str(tmp_path)).problem


def test_two_spellings_of_a_name_collide(tmp_path: Path) -> None:
    """A file system may have both, but they cannot be one document."""
    for name in (NFC, NFD):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = discover([tmp_path], {".md"}).files
    if len(files) == 1:
        pytest.skip("the file system has one name for both")

    assert [NFC, NFC] == [file.document for file in files]
    assert all("have the same document id" in file.problem for file in files)
