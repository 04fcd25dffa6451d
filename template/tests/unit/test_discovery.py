"""Discovery finds each document once, under a stable id, and survives any file system."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.ingestion.discovery import Discovery, SourceFile, discover, revisit

if TYPE_CHECKING:
    import pytest

_SUFFIXES = frozenset({".md", ".txt"})


def _write(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    return root


def _find(*paths: Path) -> Discovery:
    return discover(paths, _SUFFIXES)


def _ids(found: Discovery) -> list[str]:
    return [file.document for file in found.files if not file.problem]


def _problems(found: Discovery) -> dict[str, str]:
    return {file.document: file.problem for file in found.files if file.problem}


def test_ids_are_relative_to_the_folder_and_sorted(tmp_path: Path) -> None:
    """A document's id is its path below the given folder."""
    root = _write(tmp_path / "docs", "b.md", "a/z.txt", "a/B.MD")
    found = _find(root)

    assert ["a/B.MD", "a/z.txt", "b.md"] == _ids(found)
    assert {str(root)} == found.folders == {file.source for file in found.files}
    assert root / "a/B.MD" == found.files[0].path


def test_the_id_of_a_file_is_its_name(tmp_path: Path) -> None:
    """A given file belongs to its folder, but the folder does not count as read."""
    root = _write(tmp_path, "docs/a/b.md")
    found = _find(root / "docs/a/b.md")

    assert (SourceFile("b.md", root / "docs/a/b.md", str(root / "docs/a")),) == found.files
    assert frozenset() == found.folders


def test_hidden_and_unsupported_files_are_skipped_and_named(tmp_path: Path) -> None:
    """A folder may have other files, which is not a failure."""
    _write(tmp_path, "a.md", ".hidden.md", ".git/b.md", "~$c.md", "d.exe", "LICENSE")
    found = _find(tmp_path)

    assert ["a.md"] == _ids(found)
    assert {} == _problems(found)
    assert {
        (".hidden.md", "hidden"),
        ("~$c.md", "hidden"),
        ("LICENSE", "unsupported type"),
        ("d.exe", "unsupported type"),
    } == set(found.skipped)


def test_a_file_that_is_given_is_never_skipped(tmp_path: Path) -> None:
    """A file given by name must be reported."""
    _write(tmp_path, ".hidden.md", "d.exe")

    assert [".hidden.md", "d.exe"] == _ids(_find(tmp_path / "d.exe", tmp_path / ".hidden.md"))


def test_a_missing_path_is_a_problem_and_no_folder(tmp_path: Path) -> None:
    """A misspelt folder must not look like an empty one: its documents would be removed."""
    _write(tmp_path, "docs/a.md")
    missing = tmp_path / "dosc"
    found = _find(tmp_path / "docs", missing)

    assert ["a.md"] == _ids(found)
    assert {str(missing): "cannot be read: No such file or directory"} == _problems(found)
    assert {str(tmp_path / "docs")} == found.folders


def test_what_is_no_file_is_a_problem_or_skipped(tmp_path: Path) -> None:
    """Opening a pipe would block forever."""
    os.mkfifo(tmp_path / "pipe.md")

    assert {"pipe.md": "is neither a file nor a folder"} == _problems(_find(tmp_path / "pipe.md"))
    assert ([], (("pipe.md", "no regular file"),)) == (
        _ids(_find(tmp_path)),
        _find(tmp_path).skipped,
    )


def test_links_stay_within_the_folder(tmp_path: Path) -> None:
    """A link is followed to files below the folder, never out of it or in circles."""
    _write(tmp_path, "docs/a.md", "docs/sub/b.md", "secret.md")
    docs = tmp_path / "docs"
    (docs / "again.md").symlink_to("a.md")
    (docs / "secret.md").symlink_to(tmp_path / "secret.md")
    (docs / "broken.md").symlink_to("nowhere.md")
    (docs / "circle.md").symlink_to("circle.md")
    (docs / "sub" / "up").symlink_to(docs)
    (docs / "sub.md").symlink_to("sub")
    found = _find(docs)

    assert ["a.md", "again.md", "sub/b.md"] == _ids(found)
    assert {} == _problems(found)
    assert ["broken.md", "circle.md", "secret.md"] == [file for file, _ in found.skipped]


def test_a_folder_may_be_a_link(tmp_path: Path) -> None:
    """The folder itself is resolved, so two spellings of it are one source."""
    _write(tmp_path, "docs/a.md")
    (tmp_path / "link").symlink_to("docs")

    assert _find(tmp_path / "docs") == _find(tmp_path / "link")


def test_a_file_that_is_given_twice_is_found_once(tmp_path: Path) -> None:
    """A file that is given by itself, with its folder or by another spelling is one document."""
    _write(tmp_path, "docs/a.md")
    docs = tmp_path / "docs"
    found = _find(docs, docs / "a.md", docs / ".." / "docs", docs / "a.md")

    assert ["a.md"] == _ids(found)


def test_files_of_the_same_id_are_all_refused(tmp_path: Path) -> None:
    """Two files `README.md` must not overwrite each other; the error names both."""
    _write(tmp_path, "one/README.md", "two/README.md", "two/b.md")
    found = _find(tmp_path / "one", tmp_path / "two")
    collisions = [file for file in found.files if file.problem]

    assert ["b.md"] == _ids(found)
    assert ["README.md", "README.md"] == [file.document for file in collisions]
    for file in collisions:
        assert str(tmp_path / "one/README.md") in file.problem
        assert str(tmp_path / "two/README.md") in file.problem


def test_odd_names_are_ids_as_they_are(tmp_path: Path) -> None:
    """Spaces, line breaks, quotes and accents are kept."""
    names = ["a b.md", "a\nb.md", 'größe\'s "x".md', "漢.md"]

    assert sorted(names) == _ids(_find(_write(tmp_path, *names)))


def test_a_name_that_is_no_text_is_a_problem(tmp_path: Path) -> None:
    """A name in another encoding cannot be stored or shown, so it is escaped and rejected."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.md")).write_bytes(b"text")

    assert {"caf\\udce9.md": "its name is not valid UTF-8; rename the file"} == _problems(
        _find(tmp_path)
    )


def test_a_file_is_found_again_by_its_id(tmp_path: Path) -> None:
    """The file is found as before, or with its current problem."""
    root = _write(tmp_path / "docs", "a/b.md", "out.md")
    (found,) = [file for file in _find(root).files if file.document == "a/b.md"]
    (root / "out.md").unlink()
    (root / "out.md").symlink_to(tmp_path)

    assert found == revisit("a/b.md", str(root))
    assert "is no longer at" in revisit("c.md", str(root)).problem
    assert "link out of its folder" in revisit("out.md", str(root)).problem
    assert "cannot be read: File name too long" == revisit("a" * 300, str(root)).problem


def test_a_folder_that_cannot_be_listed_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other documents are found, and the folder does not count as completely read."""
    _write(tmp_path, "a.md", "closed/b.md")
    closed, scandir = str(tmp_path / "closed"), os.scandir

    def guarded(path: str) -> object:
        if path == closed:
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    found = _find(tmp_path)

    assert ["a.md"] == _ids(found)
    assert {closed: "cannot be read: Permission denied"} == _problems(found)
    assert frozenset() == found.folders


def test_a_file_that_cannot_be_examined_is_still_a_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails when it is read, and does not count as removed."""
    _write(tmp_path, "a.md")

    def refuse(path: Path, **_: bool) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    # The folder itself is resolved before, by a method that uses the same function.
    monkeypatch.setattr(Path, "resolve", Path.absolute)
    monkeypatch.setattr(os.path, "realpath", refuse)

    assert ["a.md"] == _ids(_find(tmp_path))
