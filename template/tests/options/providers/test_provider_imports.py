"""A provider's package is loaded only by services that use it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from fixtures.command_line import environment

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import asyncio, sys
from app.wiring import build_registry, create_app, open_services, settings_type
async def main():
    settings = settings_type(build_registry())(index_path=sys.argv[1] + "/i.sqlite")
    create_app(settings)
    async with open_services(settings):
        print(sorted({"anthropic", "openai"} & sys.modules.keys()))
asyncio.run(main())
"""


def test_the_offline_service_loads_no_provider(tmp_path: Path) -> None:
    """Providers are imported only if they are chosen."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _SCRIPT, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        check=True,
    )
    assert "[]" == done.stdout.splitlines()[-1]
