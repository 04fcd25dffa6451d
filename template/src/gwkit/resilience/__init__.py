"""What stands around a provider's model, so that the service survives what providers do."""

from __future__ import annotations

__all__: list[str] = []
