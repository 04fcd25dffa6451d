"""Metrics, traces, timings, and the request id."""

from __future__ import annotations

__all__: list[str] = []
