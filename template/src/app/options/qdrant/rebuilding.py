"""Rebuilding: a new collection grows beside the old one, until the alias names it instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog
from qdrant_client import models

from app.options.qdrant.collection import STATE, Collection
from app.options.qdrant.points import equals
from gwkit.index.servers.writes import Write, take_over

if TYPE_CHECKING:
    from app.options.qdrant.session import Session
    from gwkit.index.store import Manifest

__all__ = ["Rebuild", "current_collection", "use"]

_log = structlog.stdlib.get_logger(__name__)


async def current_collection(session: Session, alias: str) -> str | None:
    """Return the collection that an alias names, if there is one."""
    response = await session.call(lambda client: client.get_aliases())
    named = {each.alias_name: each.collection_name for each in response.aliases}
    return named.get(alias)


async def use(collection: Collection, alias: str, *, instead_of: str | None) -> None:
    """Let an alias name a collection from now on, at once for all who use it."""
    operations: list[models.AliasOperations] = []
    if instead_of is not None:
        gone = models.DeleteAlias(alias_name=alias)
        operations.append(models.DeleteAliasOperation(delete_alias=gone))
    new = models.CreateAlias(collection_name=collection.name, alias_name=alias)
    operations.append(models.CreateAliasOperation(create_alias=new))
    await collection.session.call(
        lambda client: client.update_collection_aliases(change_aliases_operations=operations)
    )


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Takes the place of the collection that an alias names; made by `begin`.

    `since` is the version of the old one at the beginning.
    """

    collection: Collection
    alias: str
    since: int

    @classmethod
    async def begin(cls, session: Session, alias: str, manifest: Manifest) -> Self:
        """Make the new collection, or go on with the one that an interrupted rebuild left.

        Raises:
            RetrievalError: the server could not do it.
        """
        current = await current_collection(session, alias)
        other = f"{alias}-b" if current == f"{alias}-a" else f"{alias}-a"
        collection = Collection(session, other, manifest)
        if not await collection.fits():
            await collection.delete()
            await collection.make()
        since = 0
        if current is not None:
            state = await Collection(session, current, manifest).get([STATE])
            since = int(state[STATE]["version"]) if STATE in state else 0
        return cls(collection, alias, since)

    async def publish(self) -> Collection:
        """Let the alias name the new collection, and return it by that name.

        Uploads, and what others have written to the old one meanwhile, are taken over if both were
        made with the same.

        Raises:
            RetrievalError: the old one stays.
        """
        new = self.collection
        current = await current_collection(new.session, self.alias)
        old = Collection(new.session, current, new.manifest) if current else None
        if old is not None and await old.fits():
            await self._take_over(old)
        await new.count()
        await use(new, self.alias, instead_of=current)
        if old is not None:
            await old.delete()
        _log.info("index_replaced", collection=new.name)
        return Collection(new.session, self.alias, new.manifest)

    async def _take_over(self, old: Collection) -> None:
        there = await _documents(old)
        gone, copied = take_over(there, await _documents(self.collection), self.since)
        for document in gone:
            await self.collection.drop(equals(document=document))
        for document in copied:
            await self._copy(old, document, there[document].number)

    async def _copy(self, old: Collection, document: str, write: int) -> None:
        chunks = equals(kind="chunk", document=document, write=write)
        records = await old.scroll(chunks, vectors=True)
        records += await old.scroll(equals(kind="document", document=document, write=write))
        await self.collection.drop(equals(document=document))
        await self.collection.put(
            [
                models.PointStruct(id=record.id, vector=record.vector or {}, payload=record.payload)
                for record in records
            ]
        )


async def _documents(collection: Collection) -> dict[str, Write]:
    records = await collection.scroll(equals(kind="document"))
    payloads = [record.payload or {} for record in records]
    return {each["document"]: Write(each["source"], each["write"]) for each in payloads}
