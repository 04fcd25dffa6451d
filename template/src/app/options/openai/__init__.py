"""OpenAI, and every server that speaks its protocol: vLLM, Ollama, TEI, a gateway."""

from __future__ import annotations

__all__: list[str] = []
