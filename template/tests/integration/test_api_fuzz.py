"""Unusual requests, generated from the API description, against a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fixtures.effort import THOROUGH
from fixtures.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fixtures.serving import Served

KEY: Final = "fuzz-key-of-many-characters"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Yield a service that requires a key, without rate and size limits."""
    variables = {
        "APP_API_KEYS": f'{{"fuzz": "{KEY}"}}',
        "APP_REQUESTS_PER_MINUTE": "1000000",
        "APP_MAX_BODY_BYTES": "1000000000",
    }
    with serving(tmp_path, **variables) as one:
        yield one


@pytest.mark.slow
def test_every_answer_is_as_described(served: Served) -> None:
    """No 5xx; each status, media type, header and body as documented; no entry without a key.

    Examples, boundaries, random requests and sequences of them, valid and not. A rejection
    of a request that fits its schema is not a fault: a schema does not know the available models.
    """
    tool = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(  # noqa: S603 - a tool of this environment
        [
            *(tool, "run", f"{served.url}/openapi.json", "--no-color"),
            *("--header", f"Authorization: Bearer {KEY}", "--output-sanitize", "false"),
            *("--exclude-checks", "positive_data_acceptance", "--max-response-time", "10"),
            *(("--max-examples", "10", "--seed", "1") if THOROUGH else ("--max-examples", "2")),
            *("--suppress-health-check", "all", "--warnings", "off"),
        ],
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )
    levels = {event["level"] for event in served.events()}

    assert 0 == done.returncode, done.stdout
    assert re.search(r"Selected: (\d+)/\1\n  Tested: \1\n", done.stdout), done.stdout
    assert levels <= {"info", "warning"}, served.log.read_text(encoding="utf-8")
