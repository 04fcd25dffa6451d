"""The embedded index: one SQLite file that holds ledger, text, full-text index and vectors."""

from __future__ import annotations

from gwkit.index.sqlite.index import SqliteIndex

__all__ = ["SqliteIndex"]
