"""The rate limiter admits the right requests in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gwkit.http.limits import RateLimiter, client_address


class Clock:
    """A clock that a test controls."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_minute_s_requests_may_come_at_once_and_no_more() -> None:
    """The whole allowance is available at first; the next request waits for its share."""
    limiter = RateLimiter(6, clock=Clock())

    assert [0.0] * 6 == [limiter.wait("a") for _ in range(6)]
    assert round(limiter.wait("a"), 6) == 10.0


def test_a_refused_request_is_not_counted() -> None:
    """A client that keeps trying does not wait longer for it."""
    limiter = RateLimiter(1, clock=Clock())
    limiter.wait("a")

    assert limiter.wait("a") == limiter.wait("a")


def test_after_the_wait_one_request_is_admitted() -> None:
    """The reported wait is enough, for exactly one request."""
    clock = Clock()
    limiter = RateLimiter(6, clock=clock)
    for _ in range(6):
        limiter.wait("a")

    clock.now += limiter.wait("a")

    assert limiter.wait("a") == 0.0
    assert limiter.wait("a") > 0


def test_an_idle_minute_gives_the_whole_allowance_back() -> None:
    """The allowance never exceeds its maximum."""
    clock = Clock()
    limiter = RateLimiter(3, clock=clock)
    for _ in range(3):
        limiter.wait("a")

    clock.now += 3_600

    assert [True] * 3 + [False] == [limiter.wait("a") == 0 for _ in range(4)]


def test_clients_do_not_share_an_allowance() -> None:
    """One busy client does not block the others."""
    limiter = RateLimiter(1, clock=Clock())
    limiter.wait("a")

    assert limiter.wait("a") > 0
    assert limiter.wait("b") == 0


def test_memory_is_bounded_and_keeps_the_busiest() -> None:
    """Only the most recently seen clients are remembered."""
    limiter = RateLimiter(2, most_clients=3, clock=Clock())
    for client in ("a", "b", "c", "a", "d"):
        limiter.wait(client)

    assert len(limiter._whole_again) == 3
    assert limiter.wait("a") > 0


@given(
    per_minute=st.integers(1, 1_000),
    gaps=st.lists(st.floats(0, 30, allow_nan=False), max_size=200),
)
def test_no_minute_admits_more_than_a_burst_and_a_minute_s_share(
    per_minute: int, gaps: list[float]
) -> None:
    """Any 60 seconds admit at most twice the allowance: the burst, and its refill."""
    clock = Clock()
    limiter = RateLimiter(per_minute, clock=clock)
    admitted = []
    for gap in gaps:
        clock.now += gap
        if limiter.wait("a") == 0:
            admitted.append(clock.now)

    for start in admitted:
        assert sum(start <= time < start + 60 for time in admitted) <= 2 * per_minute


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::1", "2001:db8:0:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no: address", "no: address"),
        ("", ""),
    ],
)
def test_a_client_has_a_network(address: str, network: str) -> None:
    """A client is an IPv4 address, or the part of an IPv6 address that it cannot choose."""
    assert network == client_address({"client": (address, 50_000)})
