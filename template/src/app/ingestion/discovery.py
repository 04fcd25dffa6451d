"""Finds the documents that the given files and folders hold, and their ids."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from app.exceptions import IngestError
from app.ingestion.names import document_name, locate
from gwkit.index.store import UPLOAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from gwkit.index.store import LedgerEntry

__all__ = [
    "Discovery",
    "SkippedFile",
    "SourceFile",
    "discover",
    "is_owned_elsewhere",
    "read_file",
    "revisit",
]

_log = structlog.stdlib.get_logger(__name__)

_HIDDEN = (".", "~$")
"""First characters of hidden files, and of the lock files that office programs leave behind."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was asked for.

    `source` is the absolute path of the folder that the id is relative to; it is empty where there
    is no such file, so that nothing about it can be recorded. `problem` says why it cannot be
    ingested; empty where it can.
    """

    document: str
    path: Path
    source: str
    problem: str = ""


class SkippedFile(NamedTuple):
    """A file that was passed over: its path in the folder that was given, and why."""

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """Files that were found, by document id, and the folders that were read as a whole.

    `skipped` are the files in them that were passed over.
    """

    files: tuple[SourceFile, ...]
    folders: frozenset[str] = frozenset()
    skipped: tuple[SkippedFile, ...] = ()


def discover(paths: Iterable[Path], suffixes: AbstractSet[str]) -> Discovery:
    """Find the documents at `paths`, files or folders; blocks while it reads the folders.

    A document's id is its path relative to the folder that was given, with `/` and in NFC; of a
    file that was given, its name. In a folder, files that are hidden or whose suffix is not in
    `suffixes` are skipped, and so are symbolic links that leave it; links to folders are never
    followed, for what is in them has its own place. A file that is missing, that cannot be listed,
    or whose id another file has as well, is returned with its problem.
    """
    found = [_find(path, suffixes) for path in paths]
    files = _without_collisions(file for one in found for file in one.files)
    return Discovery(
        tuple(sorted(files, key=lambda file: (file.document, file.path))),
        frozenset().union(*(one.folders for one in found)),
        tuple(sorted(skipped for one in found for skipped in one.skipped)),
    )


def revisit(document: str, source: str) -> SourceFile:
    """Return a file that was found before, by its id and its folder; blocks."""
    root = Path(source)
    path = locate(root, document)
    problem = ""
    try:
        target = Path(os.path.realpath(path, strict=True))
        if not target.is_relative_to(root):
            problem = "has become a link out of its folder"
    except FileNotFoundError:
        problem = f"is no longer at {path}; `python -m app failed drop` forgets it"
    except OSError as exc:
        problem = f"cannot be read: {exc.strerror}"
    return SourceFile(document, path, source, problem)


def read_file(file: SourceFile, check_size: Callable[[str, int], None]) -> bytes:
    """Return a file's bytes, as they were at one time; blocks.

    Raises:
        IngestError: it cannot be read, is too large or no file any more, or has changed.
    """
    try:
        with open(file.path, "rb", opener=_open_at_once) as opened:
            before = os.fstat(opened.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise IngestError(file.document, "is no regular file any more")
            check_size(file.document, before.st_size)
            data = opened.read(before.st_size + 1)
            after = os.fstat(opened.fileno())
    except OSError as exc:
        reason = f"cannot be read: {exc.strerror}"
        raise IngestError(file.document, reason, passing=True) from exc
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not same or len(data) != before.st_size:
        raise IngestError(file.document, "changed while it was read", passing=True)
    return data


def is_owned_elsewhere(entry: LedgerEntry, file: SourceFile) -> bool:
    """Return whether an indexed document is still there, under its id but in another place.

    Without this, two files `README.md` of two folders would overwrite each other for ever. A
    folder that was moved leaves nothing behind, so its documents just change their source.
    """
    if entry.source in {"", file.source}:
        return False
    if entry.source == UPLOAD:
        return True
    other = locate(Path(entry.source), entry.document)
    try:
        return other.is_file() and not other.samefile(file.path)
    except OSError:
        return False


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting: what was a file may have become a pipe since it was found."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _find(path: Path, suffixes: AbstractSet[str]) -> Discovery:
    try:
        mode = path.stat().st_mode
    except OSError as exc:
        return Discovery((_unreadable(path, exc),))
    if stat.S_ISDIR(mode):
        return _find_in(path.resolve(), suffixes)
    file = _source_file(path.parent.resolve(), path.name)
    if not stat.S_ISREG(mode):
        file = replace(file, problem="is neither a file nor a folder")
    return Discovery((file,))


def _find_in(root: Path, suffixes: AbstractSet[str]) -> Discovery:
    errors: list[OSError] = []
    files, skipped = [], []
    for folder, subfolders, names in os.walk(root, onerror=errors.append):
        subfolders[:] = [name for name in subfolders if not name.startswith(_HIDDEN)]
        for path in (Path(folder, name) for name in names):
            relative = path.relative_to(root).as_posix()
            if reason := _reason_to_skip(path, root, suffixes):
                skipped.append(SkippedFile(_printable(relative), reason))
                _log.debug("file_skipped", file=_printable(str(path)), reason=reason)
            else:
                files.append(_source_file(root, relative))
    files += [_unreadable(Path(os.fsdecode(error.filename)), error) for error in errors]
    folders = frozenset() if errors else frozenset({_printable(str(root))})
    return Discovery(tuple(files), folders, tuple(skipped))


def _unreadable(path: Path, error: OSError) -> SourceFile:
    return SourceFile(_printable(str(path)), path, "", f"cannot be read: {error.strerror}")


def _reason_to_skip(path: Path, root: Path, suffixes: AbstractSet[str]) -> str:
    if path.name.startswith(_HIDDEN):
        return "hidden"
    if path.suffix.lower() not in suffixes:
        return "unsupported type"
    try:
        target = Path(os.path.realpath(path, strict=True))
        regular = target.is_file()
    except OSError as exc:
        # A broken link is no document; what is only unreadable still is one.
        return f"broken link: {exc.strerror}" if path.is_symlink() else ""
    if not target.is_relative_to(root):
        return "link out of the folder"
    return "" if regular else "no regular file"


def _source_file(root: Path, relative: str) -> SourceFile:
    printable = _printable(relative)
    problem = "" if printable == relative else "its name is not valid UTF-8; rename the file"
    return SourceFile(document_name(printable), root / relative, _printable(str(root)), problem)


def _printable(name: str) -> str:
    """Escape the bytes of a file name that are no text, which no index or log can hold."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _without_collisions(files: Iterable[SourceFile]) -> Iterator[SourceFile]:
    """Yield each file once; files that are different ones of the same id get that as a problem."""
    by_document: defaultdict[str, dict[Path, SourceFile]] = defaultdict(dict)
    for file in files:
        # One file may be given twice, or be found from two spellings of its folder.
        path = file.path.resolve() if file.source else file.path
        by_document[file.document].setdefault(path, file)
    for same in by_document.values():
        for file in same.values():
            others = ", ".join(str(other.path) for other in same.values() if other is not file)
            problem = (
                f"{_printable(str(file.path))} and {_printable(others)} have the same document id; "
                "ingest the folder above both, or rename one"
            )
            yield replace(file, problem=problem) if others else file
