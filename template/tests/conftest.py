"""Set-up of all tests. The fixtures are in `fixtures/`, by subject."""

from __future__ import annotations

from importlib.util import find_spec

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from fixtures.effort import THOROUGH

pytest_plugins = [
    "fixtures.browser",
    "fixtures.clock",
    "fixtures.command_line",
    "fixtures.configuration",
    "fixtures.guards",
    "fixtures.ingesting",
    "fixtures.live",
    "fixtures.parsers",
    "fixtures.services",
]
if find_spec("fixtures.provider"):  # only with a provider
    modules = ("server", "cassettes", "conformance")
    pytest_plugins += [f"fixtures.provider.{module}" for module in modules]


@pytest.hookimpl(tryfirst=True)  # pytest-socket reads its options in the same hook
def pytest_configure(config: pytest.Config) -> None:
    """Close the sockets except loopback, and fix settings that vary by machine."""
    config.option.allow_hosts = "127.0.0.1,::1,localhost"
    config.option.allow_unix_socket = True
    config.addinivalue_line("markers", "slow: takes more than a second")

    set_hypothesis_home_dir(config.rootpath / ".cache" / "hypothesis")
    # A machine under load is slow at everything, which does not make an example worse.
    patient = hypothesis.settings(
        deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.register_profile("local", patient, max_examples=20)
    hypothesis.settings.register_profile("ci", patient, derandomize=True)
    hypothesis.settings.load_profile("ci" if THOROUGH else "local")
