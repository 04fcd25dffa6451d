"""The fixtures that only the kit's tests use."""

from __future__ import annotations

from kit.fixtures.spans import spans

__all__ = ["spans"]
