"""Update a service to the release of this folder, as one merge.

Every release has its own updater: `make template-update` renders the release, with this package,
below the service's .cache, and runs it there. The updater is not part of the service.
"""

from __future__ import annotations

__all__: list[str] = []
