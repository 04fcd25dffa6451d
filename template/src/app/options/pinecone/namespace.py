"""One namespace with an index: read and written in steps that may be repeated."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from pinecone import NotFoundError

from app.exceptions import IndexMismatchError, RetrievalError
from app.options.pinecone.records import Payload, data_of, record_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pinecone import Vector

    from app.options.pinecone.records import Records
    from app.options.pinecone.session import Session
    from gwkit.index.store import Manifest

__all__ = ["STATE", "Namespace", "current_namespace", "use"]

STATE: Final = record_id("state")
_CURRENT: Final = record_id("current")

_MOST_RECORDS: Final = 100
_MOST_BYTES: Final = 1_000_000
_BYTES_OF_RECORD: Final = 8_000
_BYTES_OF_NUMBER: Final = 12
_MOST_IDS: Final = 100
"""Records, and about how many bytes, that one request may have; Pinecone takes 2 MB, and ids to
fetch stand in the address."""


async def current_namespace(session: Session, alias: str) -> str | None:
    """Return the namespace that holds the index now, if there is one."""
    found = await session.call(session.client.fetch(ids=[_CURRENT], namespace=alias))
    record = found.vectors.get(_CURRENT)
    return str(data_of(record.metadata)["namespace"]) if record and record.metadata else None


async def use(namespace: Namespace, alias: str) -> None:
    """Let a namespace hold the index from now on, for all who use it."""
    record = namespace.records.current(namespace.name)
    session = namespace.session
    await session.call(session.client.upsert(vectors=[record], namespace=alias))


class Namespace:
    """The records of a namespace.

    Args:
        session: the client.
        name: of the namespace.
        manifest: what the index has to be made with.
        records: makes the records.
        alias: where the name of the current namespace is, if this one is to follow it.
    """

    def __init__(
        self,
        session: Session,
        name: str,
        manifest: Manifest,
        records: Records,
        *,
        alias: str | None = None,
    ) -> None:
        self.session = session
        self.name = name
        self.manifest = manifest
        self.records = records
        self._alias = alias
        self._last = 0
        size = _BYTES_OF_RECORD + _BYTES_OF_NUMBER * manifest.dimension
        self._page = max(1, min(_MOST_RECORDS, _MOST_BYTES // size))

    async def make(self) -> None:
        """Make the index, if there is none; several processes may do so at once."""
        if not await self.get([STATE]):
            await self.put([self.records.state(asdict(self.manifest), 0)])

    async def fits(self) -> bool:
        """Return whether there is an index that was made with the manifest."""
        state = (await self.get([STATE])).get(STATE)
        return state is not None and data_of(state) == asdict(self.manifest)

    async def delete(self) -> None:
        """Delete everything, if there is anything.

        Raises:
            RetrievalError: the server could not do it.
        """
        try:
            await self.session.call(self.session.client.delete_namespace(name=self.name))
        except RetrievalError as exc:
            if not isinstance(exc.__cause__, NotFoundError):
                raise

    async def checked(self, *ids: str) -> dict[str, Payload]:
        """Return the metadata of records, and of the state, from an index that fits.

        Raises:
            IndexMismatchError: the index was made with something else.
            RetrievalError: the namespace is gone.
        """
        found = await self.get([STATE, *ids])
        if STATE not in found and self._alias:  # a rebuilt index has taken its place
            self.name = await current_namespace(self.session, self._alias) or self.name
            found = await self.get([STATE, *ids])
        if STATE not in found:
            raise RetrievalError(f"the namespace {self.name} in Pinecone has no index")
        here, asked = data_of(found[STATE]), asdict(self.manifest)
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
        """Return the metadata of those records that exist, by id."""
        found = await self.fetch(ids)
        return {id_: dict(record.metadata or {}) for id_, record in found.items()}

    async def fetch(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Return those records that exist, in the order of the ids."""
        pages = await asyncio.gather(
            *(
                self.session.call(
                    self.session.client.fetch(
                        ids=list(ids[start : start + _MOST_IDS]), namespace=self.name
                    )
                )
                for start in range(0, len(ids), _MOST_IDS)
            )
        )
        found = {id_: record for page in pages for id_, record in page.vectors.items()}
        return {id_: found[id_] for id_ in ids if id_ in found}

    async def put(self, records: Sequence[Vector]) -> None:
        """Write records."""
        for start in range(0, len(records), self._page):
            page = records[start : start + self._page]
            await self.session.call(self.session.client.upsert(vectors=page, namespace=self.name))

    async def update(self, id_: str, **values: str | int) -> None:
        """Set some of a record's metadata."""
        await self.session.call(
            self.session.client.update(id=id_, set_metadata=values, namespace=self.name)
        )

    async def drop(self, **conditions: object) -> None:
        """Delete all records whose metadata meets every condition."""
        await self.session.call(self.session.client.delete(filter=conditions, namespace=self.name))

    async def scroll(self, **conditions: object) -> dict[str, Vector]:
        """Return all records whose metadata meets every condition, by id."""
        found: dict[str, Vector] = {}
        token: str | None = None
        while True:
            page = await self.session.call(
                self.session.client.fetch_by_metadata(
                    filter=conditions,
                    namespace=self.name,
                    limit=_MOST_RECORDS,
                    pagination_token=token,
                )
            )
            found |= page.vectors
            token = page.pagination.next if page.pagination else None
            if not token:
                return found

    async def payloads(self, **conditions: object) -> list[Mapping[str, object]]:
        """Return the metadata of all records that meet every condition."""
        found = await self.scroll(**conditions)
        return [record.metadata or {} for record in found.values()]

    def next_write(self) -> int:
        """Return a number above all before: microseconds, which JSON's numbers hold exactly."""
        self._last = max(self._last + 1, time.time_ns() // 1_000)
        return self._last

    async def count(self) -> None:
        """Let the version grow."""
        await self.update(STATE, version=self.next_write())
