"""The page of a service in a real browser: the service's own tests of it, with nothing skipped."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.answers import ROOT
from harness.commands import interpreter, run, user_environment

if TYPE_CHECKING:
    from harness.rendering import TemplateRepository

PAGE = ROOT / "template/src/app/api/page"
MOST_LINES = 900


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed here")
def test_the_page_works_in_a_real_browser(
    template: TemplateRepository, place: Path, tmp_path: Path
) -> None:
    """With Playwright installed, the service's own test command tries all of it."""
    service = template.render(place)
    env = user_environment(
        tmp_path / "tools", python=interpreter("3.11") or Path(sys.executable), uv=True
    )
    run("make", "setup", cwd=service, env=env)
    pip = (sys.executable, "-m", "pip", "--python", service / ".venv/bin/python")
    pins = ROOT / "requirements/browser.txt"
    run(*pip, "install", "--quiet", "--require-hashes", "--requirement", pins, cwd=service, env=env)

    done = run("make", "test", "ARGS=tests/integration/test_page.py", cwd=service, env=env)

    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


def test_the_page_stays_small() -> None:
    """Python, HTML, CSS and JavaScript together: a team can read it in one sitting."""
    files = [file for file in PAGE.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)

    assert len(files) > 5
    assert lines <= MOST_LINES
