"""The store in PostgreSQL."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from psycopg import AsyncConnection
from pydantic import SecretStr

from app.options.pgvector.settings import PgvectorSettings
from fixtures.stores import StoreConformance

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from app.config.settings import Settings
    from fixtures.configuration import MakeSettings

_END_WAITING = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def _url(settings: Settings) -> str:
    url = settings.group(PgvectorSettings).database_url
    assert url is not None
    return url.get_secret_value()


class TestPgvector(StoreConformance):
    """The requirements on every store, on a real server."""

    name = "pgvector"
    corrects_spelling = True

    @pytest.fixture
    def settings(self, make_settings: MakeSettings, database_url: str) -> Settings:
        """Return settings with a database of the test's own."""
        return make_settings(vector_store="pgvector", database_url=SecretStr(database_url))

    def variables(self, settings: Settings) -> Mapping[str, str]:
        """Return the environment in which another process opens the store."""
        return {"APP_VECTOR_STORE": "pgvector", "DATABASE_URL": _url(settings)}

    async def lose_connection(
        self, settings: Settings, write: Coroutine[object, object, None]
    ) -> None:
        """Let the server end the connection while the write waits for a lock."""
        async with await AsyncConnection.connect(_url(settings), autocommit=True) as other:
            async with other.transaction():
                await other.execute("LOCK TABLE service_index.failures IN ACCESS EXCLUSIVE MODE")
                writing = asyncio.ensure_future(write)
                ended: Sequence[object] = ()
                while not ended:
                    ended = await (await other.execute(_END_WAITING)).fetchall()
            await writing
