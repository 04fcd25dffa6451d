"""What every provider needs: settings of calls, and the guards around models."""

from __future__ import annotations

__all__: list[str] = []
