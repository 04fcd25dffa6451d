"""Shared code of the tests: answers, rendered services, commands."""

from __future__ import annotations
