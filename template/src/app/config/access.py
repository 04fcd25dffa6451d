"""Settings of access: API keys, hosts, proxies and rate limits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, IPvAnyNetwork, SecretStr, StringConstraints

from app.config.groups import SettingsGroup
from app.config.paths import UserPath

__all__ = ["AccessSettings"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
# What a header can carry without quoting: RFC 6750, section 2.1, and a little more.
_KEY: Final = re.compile(r"[!-~]+")
_SHORTEST_KEY: Final = 16

_HostName = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.-]+|[0-9A-Fa-f:]+)$")]


def _usable_keys(keys: dict[str, SecretStr]) -> dict[str, SecretStr]:
    """Refuse keys that could be guessed or not be sent; what is told has neither name nor key.

    A pair may have been written the wrong way round, so the name may be the key.

    Raises:
        ValueError: one line for each thing that is wrong.
    """
    problems: list[str] = []
    seen: set[str] = set()
    for number, (name, secret) in enumerate(keys.items(), start=1):
        key = secret.get_secret_value()
        if not _NAME.fullmatch(name):
            problems.append(f"name {number} must be 1 to 40 lower-case letters, digits and hyphens")
        if len(key) < _SHORTEST_KEY:
            problems.append(f"key {number} has less than {_SHORTEST_KEY} characters")
        elif not _KEY.fullmatch(key):
            problems.append(f"key {number} has a character other than ASCII, or a space")
        elif key in seen:
            problems.append(f"key {number} has another name already")
        seen.add(key)
    if problems:
        raise ValueError("; ".join(problems))
    return keys


class AccessSettings(SettingsGroup):
    """Access and overload."""

    api_keys: Annotated[dict[str, SecretStr], AfterValidator(_usable_keys)] = Field(
        default={}, examples=['{"reader": "change-me-to-a-long-random-text"}']
    )
    """API keys by the names of those who use them, each of at least 16 characters. With one, every
    call but the probes' needs a key, as `Authorization: Bearer <key>`."""

    authentication: str = Field(default="keys", min_length=1, max_length=40)
    """How callers are authenticated: `keys` asks for one of APP_API_KEYS, if there are any."""

    allow_unauthenticated: bool = False
    """Listen beyond this machine without API keys, because something in front of the service
    authenticates callers."""

    allowed_hosts: tuple[_HostName, ...] = Field(default=(), examples=['["answers.example.org"]'])
    """Names of hosts, without ports, by which browsers may call the service beside localhost.
    Without API keys, a service on a loopback address refuses others; with names here, every service
    does. Pages of these hosts may call it, too."""

    public_metrics: bool = False
    """Serve /metrics without a key, where there are API keys."""

    enable_docs: bool = True
    """Serve /docs and /openapi.json, without a key."""

    enable_page: bool = True
    """Serve the page for people at /, without a key; what it asks of the API needs one like every
    call. Without the page, / leads to /docs."""

    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(default=(), examples=['["10.0.0.0/8"]'])
    """Networks of the proxies whose X-Forwarded-For names the client."""

    requests_per_minute: int = Field(default=600, ge=1, le=1_000_000)
    """Requests that one client may make a minute."""

    shared_limits: str | None = Field(
        default=None, min_length=1, max_length=40, examples=["sqlite"]
    )
    """Where several processes count the requests of clients together: `sqlite` for the processes of
    one machine, as `serve --workers` does by itself. By default each process counts for itself."""

    limits_path: UserPath = Path("var/limits.sqlite")
    """The SQLite file of APP_SHARED_LIMITS=sqlite."""

    max_concurrent_requests: int = Field(default=100, ge=1, le=100_000)
    """Requests that a process answers at a time, streams among them; further ones are refused at
    once."""

    @property
    def asks_who_calls(self) -> bool:
        """Whether callers have to say who they are."""
        return bool(self.api_keys) or self.authentication != "keys"
