"""How many requests one client may make: the generic cell rate algorithm, in memory.

The algorithm is the "virtual scheduling" form of ITU-T I.371, annex A. It keeps one number per
client: the time at which the client would have its whole allowance back. That costs the same for
the first client and the ten-thousandth; a store that sweeps its clients on each request does not.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RateLimiter", "network_of"]

_MINUTE: Final = 60.0
_CLIENT_PREFIX: Final = 64
# The times are sums of fractions: less than this, in seconds, is no wait.
_ROUNDING: Final = 1e-6


class RateLimiter:
    """Admits a burst of a minute's requests, then one for each that has been earned back.

    Each process counts for itself. The clients that were seen last are remembered, so memory is
    bounded; one that falls out of memory starts with a whole allowance.

    Args:
        per_minute: requests that one client may make a minute.
        most_clients: clients that are remembered.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        per_minute: int,
        *,
        most_clients: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = _MINUTE / per_minute
        self._burst = _MINUTE - self._interval
        self._most_clients = most_clients
        self._clock = clock
        self._whole_again: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._whole_again)

    def wait(self, client: str) -> float:
        """Count a request and return 0, or return the seconds to wait and do not count it."""
        now = self._clock()
        whole_again = max(self._whole_again.get(client, now), now)
        wait = whole_again - now - self._burst
        if wait > _ROUNDING:
            return wait
        self._whole_again[client] = whole_again + self._interval
        self._whole_again.move_to_end(client)
        if len(self._whole_again) > self._most_clients:
            self._whole_again.popitem(last=False)
        return 0.0


@lru_cache(maxsize=4_096)
def network_of(address: str) -> str:
    """Return what one client has of the addresses: all of an IPv4 one, the /64 of an IPv6 one.

    A provider hands out IPv6 networks of that size or larger (RFC 6177), so whoever has one address
    has 2^64 of them.
    """
    if ":" not in address:
        return address
    try:
        exact = IPv6Address(address)
    except AddressValueError:
        return address
    if exact.ipv4_mapped is not None:
        return str(exact.ipv4_mapped)
    return str(IPv6Network((exact, _CLIENT_PREFIX), strict=False))
