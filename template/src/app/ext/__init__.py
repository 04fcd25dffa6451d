"""The team's own modules; the service discovers them, and the template never writes here again.

A module in this package may define

- `routers: tuple[APIRouter, ...]`: routes that the service serves beside its own;
- `loaders: Mapping[str, Loader]`: readers of further kinds of document, by suffix (`".rst"`).

A module that cannot be imported, or that defines something else under these names, stops the start.
"""

from __future__ import annotations

__all__: list[str] = []
