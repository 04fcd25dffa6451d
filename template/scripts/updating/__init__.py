"""Bring the release that this folder was rendered from to a service, as one merge.

Every release brings its own updater: `make template-update` renders the release, this package
included, below the service's .cache, and runs it there. It is no part of the service.
"""

from __future__ import annotations

__all__: list[str] = []
