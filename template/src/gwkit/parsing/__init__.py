"""The protocols of loaders, and the processes in which documents are parsed."""

from __future__ import annotations

__all__: list[str] = []
