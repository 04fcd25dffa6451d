"""The fixtures that only the kit's tests use."""

from __future__ import annotations

from importlib.util import find_spec

from kit.fixtures.spans import spans

__all__ = ["collect_ignore", "spans"]

# A service without providers, whose `make test KIT=1` runs these tests, has neither; and only
# some stores on servers need what they share.
collect_ignore = [] if find_spec("fixtures.provider") else ["resilience", "testing"]
if not find_spec("gwkit.index.servers"):
    collect_ignore.append("index/servers")
