"""An index on a real file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gwkit.index.sqlite import SqliteIndex
from kit.fixtures.sqlite_index import MANIFEST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a new index, in folders that do not exist yet."""
    return tmp_path / "some" / "folder" / "index.sqlite"


@pytest.fixture
async def index(path: Path) -> AsyncIterator[SqliteIndex]:
    """Return an empty index."""
    async with await SqliteIndex.open(path, MANIFEST) as opened:
        yield opened
