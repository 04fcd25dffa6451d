"""The addresses on which the service listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from gwkit.http.server import listen

if TYPE_CHECKING:
    from fixtures.configuration import MakeSettings


OLD: Final = "old-key-0123456789"


NEW: Final = "new-key-0123456789"


OTHER: Final = "other-key-0123456789"


KEYS: Final = {"reader": OLD, "reader-2": NEW, "writer": OTHER}


@pytest.mark.parametrize(
    "fields", [{"api_keys": KEYS}, {"allow_unauthenticated": True}, {"host": "127.0.0.2"}]
)
def test_it_does_with_one_or_when_told_so(
    fields: dict[str, object], make_settings: MakeSettings
) -> None:
    """A key, the explicit permission, or a loopback address is enough."""
    host = {"host": "0.0.0.0"}  # noqa: S104 - what is tested
    with listen(make_settings(**(host | {"port": 0} | fields))) as listener:
        assert listener.getsockname()[1]
