"""The service as deployed: it starts, answers as its API description says, and stops."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Final

import pytest

from fixtures.command_line import DOCUMENTS, environment
from fixtures.effort import THOROUGH
from fixtures.serving import serving

KEY: Final = "fuzz-key-of-many-characters"
_VARIABLES: Final = {
    "APP_API_KEYS": f'{{"fuzz": "{KEY}"}}',
    "APP_REQUESTS_PER_MINUTE": "1000000",
    "APP_MAX_BODY_BYTES": "1000000000",
    "APP_SAMPLES_PATH": str(DOCUMENTS),
}
_CASES: Final = (
    ("--max-examples", "10", "--seed", "1")
    if THOROUGH
    else ("--max-examples", "3", "--phases", "examples,fuzzing,stateful")
)
_PATIENCE_SECONDS: Final = 30


@pytest.mark.slow
def test_every_answer_is_as_described(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """It answers from the samples, then unusual requests as described, and stops at a signal.

    No 5xx; each status, media type, header and body as documented; no entry without a key. The
    requests are the examples of every operation, random ones, and sequences of them, valid and not;
    `CI=1` adds each boundary of each parameter, which are hundreds of requests. A rejection of a
    request that fits its schema is not a fault: a schema does not know the available models.
    """
    properties = pytestconfig.rootpath / ".cache" / "hypothesis"
    with serving(tmp_path, "--with-samples", **_VARIABLES) as served:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{served.url}/v1/answer",
            b'{"question": "How long are backups kept?"}',
            {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 - loopback
            answer = json.load(reply)
        done = subprocess.run(  # noqa: S603 - a tool of this environment
            [
                *(Path(sys.executable).with_name("schemathesis"), "run"),
                *(f"{served.url}/openapi.json", "--no-color", *_CASES),
                *("--header", f"Authorization: Bearer {KEY}", "--output-sanitize", "false"),
                *("--exclude-checks", "positive_data_acceptance", "--max-response-time", "10"),
                *("--suppress-health-check", "all", "--warnings", "off"),
            ],
            capture_output=True,
            text=True,
            # Otherwise it computes the properties of all characters again.
            env=environment(HYPOTHESIS_STORAGE_DIRECTORY=str(properties)),
            timeout=800,
            check=False,
        )
        levels = {event["level"] for event in served.events()}
        served.process.terminate()
        code = served.process.wait(_PATIENCE_SECONDS)

    assert "guides/laptop.html" == answer["citations"][0]["document"]
    assert "ninety days" in answer["answer"]
    assert 0 == done.returncode, done.stdout
    assert re.search(r"Selected: (\d+)/\1\n  Tested: \1\n", done.stdout), done.stdout
    assert levels <= {"info", "warning"}, served.log.read_text(encoding="utf-8")
    # Windows ends a process without a signal.
    assert 0 == code or sys.platform == "win32"
