"""The fixtures of the tests of updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kit.fixtures.trial import Trial, made

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """A committed service, as its release rendered it."""
    return made(tmp_path, tmp_path / "service", tmp_path / "service", monkeypatch)
