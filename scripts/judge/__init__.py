"""Judge services from outside: by the release they name, without running or trusting their code."""

from __future__ import annotations

__all__: list[str] = []
