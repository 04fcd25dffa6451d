"""Set-up of all tests. The fixtures are in `fixtures/`, by subject."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

_FIXTURES = [
    "fixtures.browser",
    "fixtures.clock",
    "fixtures.command_line",
    "fixtures.configuration",
    "fixtures.effort",
    "fixtures.guards",
    "fixtures.ingesting",
    "fixtures.live",
    "fixtures.parsers",
    "fixtures.services",
]
if find_spec("fixtures.provider"):  # only with a provider
    modules = ("server", "cassettes", "conformance")
    _FIXTURES += [f"fixtures.provider.{module}" for module in modules]


@pytest.hookimpl(tryfirst=True)  # pytest-socket reads its options in the same hook
def pytest_configure(config: pytest.Config) -> None:
    """Close the sockets except loopback, and load the fixtures where tests run."""
    config.option.allow_hosts = "127.0.0.1,::1,localhost"
    config.option.allow_unix_socket = True
    config.addinivalue_line("markers", "slow: takes more than a second")
    # With worker processes this one runs no test, and they wait for it. But it sees the coverage of
    # what runs once, at an import, which in the workers is before they measure.
    if not config.getoption("numprocesses", None) or config.getoption("cov_source", None):
        for name in _FIXTURES:
            config.pluginmanager.import_plugin(name)
