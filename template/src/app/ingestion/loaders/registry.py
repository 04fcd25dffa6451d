"""Finds the loader of a file, and finishes every loaded document in the same way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from app.exceptions import IngestError, UnsupportedTypeError
from app.ingestion.cleaning import clean
from gwkit.documents import Block, BlockKind, Place
from gwkit.parsing.loader import Loaded, Loader

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LoaderPart", "LoaderRegistry"]


@dataclass(frozen=True, slots=True)
class LoaderPart:
    """A loader for the documents of one suffix.

    `isolated` has it run in the parser processes, with limits of time and memory, as suits a parser
    that hostile bytes could harm. `load` then has to be a function of a module, which is imported
    there without settings and keys.
    """

    load: Loader
    isolated: bool = False


_MODULES = {
    ".docx": "word",
    ".htm": "webpage",
    ".html": "webpage",
    ".markdown": "markdown",
    ".md": "markdown",
    ".mdx": "markdown",
    ".pdf": "pdf",
    ".rst": "plaintext",
    ".text": "plaintext",
    ".txt": "plaintext",
    ".xhtml": "webpage",
}
"""The built-in loaders, imported at their first document: the parsers take long to import."""

_REASON_LIMIT = 500
"""Characters of a parser's message that are kept."""

_RISKY = {"markdown": 10_000, "pdf": 0, "plaintext": 100_000, "webpage": 0, "word": 0}
"""Bytes up to which each of them takes no more than a second or so, whatever the bytes are."""


class LoaderRegistry:
    """Finds the loader of a document by the suffix of its id.

    Args:
        extensions: further loaders by suffix, such as `.csv`; one of these goes before a built-in.
    """

    def __init__(self, extensions: Mapping[str, LoaderPart] | None = None) -> None:
        self._extensions = {key.lower(): value for key, value in (extensions or {}).items()}

    def __getstate__(self) -> dict[str, object]:
        """Return what is pickled for parser processes: of the extensions, those that run there."""
        isolated = {suffix: part for suffix, part in self._extensions.items() if part.isolated}
        return {"_extensions": isolated}

    @property
    def suffixes(self) -> frozenset[str]:
        """The suffixes that can be loaded, in lower case and with their dot."""
        return frozenset(_MODULES) | frozenset(self._extensions)

    def is_risky(self, document: str, size: int) -> bool:
        """Say whether some document of this type and size, in bytes, could take very long.

        An extension's loader says so itself.
        """
        suffix = _suffix(document)
        if suffix in self._extensions:
            return self._extensions[suffix].isolated
        return suffix in _MODULES and size > _RISKY[_MODULES[suffix]]

    def load(self, document: str, data: bytes) -> Loaded:
        """Parse and clean a document; takes as long as its parser, so call it from a thread.

        The metadata has `type` and `title`; a document that does not name itself is named by its
        first heading, or else its file name.

        Raises:
            IngestError: the document cannot be read; no other error comes from a parser.
        """
        loader = self._find(document)
        try:
            loaded = loader(document, data)
        except IngestError:
            raise
        except Exception as exc:
            reason = f"cannot be parsed: {type(exc).__name__}: {exc}"
            raise IngestError(document, reason[:_REASON_LIMIT]) from exc
        return _finished(document, loaded)

    def _find(self, document: str) -> Loader:
        suffix = _suffix(document)
        if suffix in self._extensions:
            return self._extensions[suffix].load
        if suffix in _MODULES:
            loader: Loader = resolve_name(f"app.ingestion.loaders.{_MODULES[suffix]}:load")
            return loader
        supported = ", ".join(sorted(self.suffixes))
        raise UnsupportedTypeError(document, f"is of no supported type; these are: {supported}")


def _finished(document: str, loaded: Loaded) -> Loaded:
    blocks = tuple(block for block in map(_cleaned, loaded.blocks) if block.text.strip())
    headings = [block for block in blocks if block.kind is BlockKind.HEADING]
    title = " ".join(clean(loaded.title).split())
    if title and all(heading.level > 1 for heading in headings):
        # Many pages have their title in the front matter only; it is the best heading they have.
        blocks = (Block(BlockKind.HEADING, title, 1), *blocks)
    if not title:
        title = headings[0].text if headings else PurePosixPath(document).stem
    type_ = _suffix(document).removeprefix(".")
    return Loaded(title, blocks, {"type": type_} | loaded.metadata | {"title": title})


def _cleaned(block: Block) -> Block:
    """Clean a block, each place by itself, so that the places still begin where they should."""
    if not block.places:
        return Block(block.kind, clean(block.text), block.level)
    text, places = "", []
    for place, following in pairwise((Place(0), *block.places, Place(len(block.text)))):
        part = block.text[place.start : following.start]
        if cleaned := clean(part):
            places.append(replace(place, start=len(text)))
            text += f"{cleaned}\n" if part.rstrip(" \t").endswith("\n") else cleaned
    return Block(block.kind, text.rstrip(), block.level, tuple(places))


def _suffix(document: str) -> str:
    return PurePosixPath(document).suffix.lower()
