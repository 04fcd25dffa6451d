"""One collection: made with what an index needs, read and written in steps that may be repeated."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from qdrant_client import models

from app.exceptions import IndexMismatchError, RetrievalError
from app.options.qdrant.points import DENSE, WORDS, equals, older, point_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qdrant_client.conversions.common_types import PointId

    from app.options.qdrant.points import Payload
    from app.options.qdrant.session import Session
    from gwkit.index.store import Manifest

__all__ = ["STATE", "Collection"]

STATE: Final = point_id("state")

_PAGE: Final = 500
_INDEXED: Final = {
    "kind": models.PayloadSchemaType.KEYWORD,
    "document": models.PayloadSchemaType.KEYWORD,
    "labels": models.PayloadSchemaType.KEYWORD,
    "prefixes": models.PayloadSchemaType.KEYWORD,
    "source": models.PayloadSchemaType.KEYWORD,
    "write": models.PayloadSchemaType.INTEGER,
}


class Collection:
    """The points of a collection or alias.

    Args:
        session: the client.
        name: of the collection or alias.
        manifest: what the index has to be made with.
    """

    def __init__(self, session: Session, name: str, manifest: Manifest) -> None:
        self.session = session
        self.name = name
        self.manifest = manifest
        self._last = 0

    async def make(self) -> None:
        """Make the collection, where there is none; several processes may do so at once.

        Raises:
            RetrievalError: the server could not do it.
        """
        call = self.session.call
        if not await call(lambda client: client.collection_exists(self.name)):
            size = max(1, self.manifest.dimension)  # without an embedder no point has a vector
            dense = models.VectorParams(size=size, distance=models.Distance.DOT)
            words = models.SparseVectorParams(modifier=models.Modifier.IDF)
            try:
                await call(
                    lambda client: client.create_collection(
                        self.name,
                        vectors_config={DENSE: dense},
                        sparse_vectors_config={WORDS: words},
                    )
                )
            except RetrievalError:  # another process was faster, or it is an error indeed
                if not await call(lambda client: client.collection_exists(self.name)):
                    raise
        if not self.session.is_local:  # which has no indexes
            for field in _INDEXED.items():
                await self._make_index(*field)
        if not await self.get([STATE]):
            payload = {"kind": "state", "made_with": asdict(self.manifest), "version": 0}
            await self.put([models.PointStruct(id=STATE, vector={}, payload=payload)])

    async def fits(self) -> bool:
        """Return whether the collection exists and was made with the manifest."""
        if not await self.session.call(lambda client: client.collection_exists(self.name)):
            return False
        state = await self.get([STATE])
        return STATE in state and state[STATE]["made_with"] == asdict(self.manifest)

    async def delete(self) -> None:
        """Delete the collection, if it exists."""
        await self.session.call(lambda client: client.delete_collection(self.name))

    async def checked(self, *ids: str) -> dict[str, Payload]:
        """Return the payloads of points, and of the state, from an index that fits.

        Raises:
            IndexMismatchError: the index was made with something else.
            RetrievalError: the collection is gone.
        """
        found = await self.get([STATE, *ids])
        if STATE not in found:
            raise RetrievalError(f"the collection {self.name} in Qdrant is no index")
        here, asked = found[STATE]["made_with"], asdict(self.manifest)
        if here != asked:
            raise IndexMismatchError(
                {
                    name: (str(here.get(name, "none")), str(asked[name]))
                    for name in asked
                    if here.get(name) != asked[name]
                }
            )
        return found

    async def get(self, ids: Sequence[str]) -> dict[str, Payload]:
        """Return the payloads of those points that exist, by id."""
        return {str(record.id): record.payload or {} for record in await self.records(ids)}

    async def records(self, ids: Sequence[str], *, vectors: bool = False) -> list[models.Record]:
        """Return those points that exist, in the order of the ids."""
        found: dict[str, models.Record] = {}
        for start in range(0, len(ids), _PAGE):
            for record in await self._retrieve(list(ids[start : start + _PAGE]), vectors=vectors):
                found[str(record.id)] = record
        return [found[each] for each in ids if each in found]

    async def put(
        self, points: Sequence[models.PointStruct], *, only: models.Filter | None = None
    ) -> None:
        """Write points; those that exist only if they match the filter."""
        for start in range(0, len(points), _PAGE):
            await self._upsert(list(points[start : start + _PAGE]), only)

    async def drop(self, must: Sequence[models.Condition]) -> None:
        """Delete all points that match every condition."""
        selector = models.FilterSelector(filter=models.Filter(must=list(must)))
        await self.session.call(lambda client: client.delete(self.name, points_selector=selector))

    async def scroll(
        self, must: Sequence[models.Condition], *, vectors: bool = False
    ) -> list[models.Record]:
        """Return all points that match every condition."""
        selected = models.Filter(must=list(must))
        found, offset = await self._page(selected, None, vectors=vectors)
        while offset is not None:
            more, offset = await self._page(selected, offset, vectors=vectors)
            found += more
        return found

    def next_write(self) -> int:
        """Return a number above all before: microseconds, which JSON's numbers hold exactly."""
        self._last = max(self._last + 1, time.time_ns() // 1_000)
        return self._last

    async def count(self) -> None:
        """Let the version grow, unless another process has let it grow further."""
        version = self.next_write()
        selector = models.Filter(must=[*equals(kind="state"), older(version, "version")])
        await self.session.call(
            lambda client: client.set_payload(
                self.name, payload={"version": version}, points=selector
            )
        )

    async def _make_index(self, name: str, kind: models.PayloadSchemaType) -> None:
        await self.session.call(
            lambda client: client.create_payload_index(
                self.name, field_name=name, field_schema=kind
            )
        )

    async def _retrieve(self, ids: list[PointId], *, vectors: bool) -> list[models.Record]:
        return await self.session.call(
            lambda client: client.retrieve(
                self.name, ids=ids, with_payload=True, with_vectors=vectors
            )
        )

    async def _upsert(self, points: list[models.PointStruct], only: models.Filter | None) -> None:
        await self.session.call(
            lambda client: client.upsert(self.name, points=points, update_filter=only)
        )

    async def _page(
        self, selected: models.Filter, offset: PointId | None, *, vectors: bool
    ) -> tuple[list[models.Record], PointId | None]:
        return await self.session.call(
            lambda client: client.scroll(
                self.name,
                scroll_filter=selected,
                limit=_PAGE,
                offset=offset,
                with_payload=True,
                with_vectors=vectors,
            )
        )
