"""The store of the service."""

from __future__ import annotations

from fixtures.stores import StoreConformance


class TestSqlite(StoreConformance):
    """The requirements on every store."""

    name = "sqlite"
    corrects_spelling = True
