"""Repeated set-up of a service, and direct calls of uv in it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.commands import interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("setup")


class Machine:
    """A service that is set up by uv, and the environment of its developer."""

    def __init__(self, template: TemplateRepository, root: Path) -> None:
        self.service = template.render(root / "service", {"ci": "none", "docs": False})
        commit_all(self.service, "Start from Groundwork")
        python = interpreter("3.11") or Path(sys.executable)
        self.env = user_environment(root / "tools", python=python, uv=True)
        self.run("make", "setup")

    def run(self, *command: str, expected: int = 0) -> str:
        """Run a command in the service; return its output."""
        return run(*command, cwd=self.service, env=self.env, expected=expected).stdout

    def installed(self) -> dict[str, tuple[int, int]]:
        """Return each installed distribution, with a value that changes when it is reinstalled."""
        found = self.service.glob(".venv/lib/python*/site-packages/*.dist-info")
        return {path.name: ((at := path.stat()).st_ino, at.st_mtime_ns) for path in found}


@pytest.fixture(scope="module")
def machine(template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """One for all tests; each leaves it in the pinned state."""
    return Machine(template, tmp_path_factory.mktemp("machine"))


@pytest.mark.slow
def test_uv_uses_the_pinned_environment_or_refuses(machine: Machine) -> None:
    """No uv command replaces packages or writes a lock file."""
    before = machine.installed()

    assert "passed" in machine.run("uv", "run", "pytest", "-q", "tests/unit/test_once.py")
    for command in (("sync",), ("add", "humanize"), ("lock",)):
        refusal = " ".join(machine.run("uv", *command, expected=2).split())
        assert (1, True) == (refusal.count("error:"), refusal.startswith("error:")), refusal
        assert "marked as unmanaged" in refusal, command
    assert before == machine.installed()
    assert "" == machine.run("git", "status", "--porcelain")


@pytest.mark.slow
def test_one_package_more_or_less_leaves_the_others_alone(machine: Machine) -> None:
    """A new pin is installed, a removed pin is uninstalled, and nothing else changes."""
    before = machine.installed()
    wanted = machine.service / "requirements/app.in"
    wanted.write_text(wanted.read_text(encoding="utf-8") + "humanize\n", encoding="utf-8")
    machine.run("make", "lock")
    machine.run("make", "setup")
    added = machine.installed()
    machine.run("git", "checkout", "--", "requirements")
    machine.run("make", "setup")

    assert ["humanize"] == [name.split("-")[0] for name in added.keys() - before.keys()]
    assert before == {name: added[name] for name in before} == machine.installed()


@pytest.mark.slow
def test_the_kits_tests_of_the_release_run_against_the_service(machine: Machine) -> None:
    """They are fetched without a trace in git, and fail for a fault in the service's own kit."""
    command = "make", "test", "KIT=1", "ARGS=-k test_errors"
    assert "passed" in machine.run(*command)
    (machine.service / "src/gwkit/errors.py").write_text("raise OSError\n", encoding="utf-8")
    assert "OSError" in machine.run(*command, expected=2)
    machine.run("git", "checkout", "--", "src")
    assert "" == machine.run("git", "status", "--porcelain")


@pytest.mark.slow
def test_another_interpreter_makes_another_environment(machine: Machine) -> None:
    """PYTHON selects it, and later commands without PYTHON keep it."""
    other = interpreter("3.12")
    if other is None:
        pytest.skip("no Python 3.12 here")
    version = ".venv/bin/python", "-c", "import sys; print(sys.version_info[:2])"
    machine.run("make", "setup", f"PYTHON={other}")
    made = machine.run(*version), machine.installed()
    machine.run("make", "setup", f"PYTHON={other}")
    machine.run("touch", "requirements/base.txt")
    machine.run("make", "setup")

    assert ("(3, 12)\n", made[1]) == made == (machine.run(*version), machine.installed())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"UV_SYSTEM_CERTS": "1"}),
        ({"PIP_CERT": "/a.pem"}, {"UV_SYSTEM_CERTS": "1", "SSL_CERT_FILE": "/a.pem"}),
        ({"PIP_INDEX_URL": "https://a.invalid/b"}, {"UV_DEFAULT_INDEX": "https://a.invalid/b"}),
        ({"PIP_CERT": "/a.pem", "SSL_CERT_FILE": "/b.pem"}, {"SSL_CERT_FILE": "/b.pem"}),
    ],
)
def test_uv_trusts_and_asks_whom_pip_does(
    given: dict[str, str],
    expected: dict[str, str],
    rendered: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    """Behind a proxy with its own certificate authority, and with a mirror, uv works like pip."""
    env = user_environment(tmp_path / "tools", python=Path(sys.executable), uv=False)
    (tmp_path / "tools/uv").write_text(f"#!/bin/sh\nenv > '{tmp_path}/seen'\nexit 9\n", "utf-8")
    (tmp_path / "tools/uv").chmod(0o755)
    plain = {
        name: value for name, value in env.items() if name not in {"PIP_CERT", "SSL_CERT_FILE"}
    }
    service = tmp_path / "service"
    run("cp", "-r", rendered("defaults"), service, cwd=tmp_path)
    run(
        "sh",
        "scripts/setup.sh",
        cwd=service,
        env=plain | {"PIP_CONFIG_FILE": "/dev/null"} | given,
        expected=9,
    )
    lines = (tmp_path / "seen").read_text("utf-8").splitlines()
    seen = dict(line.split("=", 1) for line in lines if "=" in line)

    assert expected == {name: seen.get(name) for name in expected}
