"""The drill: services of every release, with the edits that teams make, are updated.

`make drill` updates every combination of a release, a variant and a team's life in
`catalogue.toml` to the working tree's template, with the updater of that template. Nothing is
installed for a service: renders are shared, and a merge takes about a second. For each it checks
that the preview equals the outcome, that no edit is lost, that every other file is that of the
release, and that conflicts occur only where the catalogue gives a reason. Many of the services are
updated again by the command lines of people and bots (`commands.py`), which must have the same
result. They render both releases again, which takes most of the drill's time.
"""

from __future__ import annotations

__all__: list[str] = []
