"""The prompts, one file per version: a published version never changes, a new one gets a new file.

`app.graph.prompting` reads them.
"""

from __future__ import annotations

__all__: list[str] = []
