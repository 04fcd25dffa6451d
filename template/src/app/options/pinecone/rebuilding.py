"""Rebuilding: a new index grows in a second namespace, until it is named the current one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import structlog

from app.options.pinecone.namespace import STATE, Namespace, current_namespace, use
from gwkit.index.servers.writes import Write, take_over

if TYPE_CHECKING:
    from app.options.pinecone.records import Payload, Records
    from app.options.pinecone.session import Session
    from gwkit.index.store import Manifest

__all__ = ["Rebuild"]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Takes the place of the current namespace; made by `begin`.

    `since` is the version of the old one at the beginning.
    """

    namespace: Namespace
    alias: str
    since: int

    @classmethod
    async def begin(
        cls, session: Session, alias: str, manifest: Manifest, records: Records
    ) -> Self:
        """Make the new index, or go on with the one that an interrupted rebuild left.

        Raises:
            RetrievalError: the server could not do it.
        """
        current = await current_namespace(session, alias)
        other = f"{alias}-b" if current == f"{alias}-a" else f"{alias}-a"
        namespace = Namespace(session, other, manifest, records)
        if not await namespace.fits():
            await namespace.delete()
            await namespace.make()
        since = 0
        if current is not None:
            found = await Namespace(session, current, manifest, records).get([STATE])
            since = int(found[STATE]["version"]) if STATE in found else 0
        return cls(namespace, alias, since)

    async def publish(self) -> Namespace:
        """Name the new namespace the current one, and return it.

        Uploads, and what others have written to the old one meanwhile, are taken over if both were
        made with the same.

        Raises:
            RetrievalError: the old one stays.
        """
        new = self.namespace
        current = await current_namespace(new.session, self.alias)
        old = Namespace(new.session, current, new.manifest, new.records) if current else None
        if old is not None and await old.fits():
            await self._take_over(old)
        await new.count()
        await use(new, self.alias)
        if old is not None:
            await old.delete()
        _log.info("index_replaced", namespace=new.name)
        return Namespace(new.session, new.name, new.manifest, new.records, alias=self.alias)

    async def _take_over(self, old: Namespace) -> None:
        there = await _documents(old)
        gone, copied = take_over(there, await _documents(self.namespace), self.since)
        for name in gone:
            await self.namespace.drop(document=name)
        for name in copied:
            found = await old.scroll(document=name, write=there[name].number)
            await self.namespace.drop(document=name)
            await self.namespace.put(list(found.values()))


async def _documents(namespace: Namespace) -> dict[str, Write]:
    payloads: list[Payload] = [dict(each) for each in await namespace.payloads(kind="document")]
    return {each["document"]: Write(each["source"], int(each["write"])) for each in payloads}
