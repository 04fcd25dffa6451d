"""The kit: engines that the template maintains, the same in every service.

It imports nothing of `app` and decides nothing about documents, prompts or ranking. Change it only
with a reason in `exceptions.toml` (STR5): `make check` names every other file that differs from the
release, as `MANIFEST` has it.
"""

from __future__ import annotations

__all__: list[str] = []
