"""Updates by the command lines of a person, of Renovate, of Copier's API and of `make`."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["COMMANDS", "CommandFailedError", "run_command"]

_API: Final = "import copier; copier.run_update('.', defaults=True, overwrite=True, quiet=True)"

COMMANDS: Final = {
    # Answers each question with Enter, on a terminal.
    "`copier update`": ("bin/copier", "update"),
    # As its manager for Copier runs it, without trust.
    "Renovate's `copier update`": (
        *("bin/copier", "update", "--skip-answered", "--defaults"),
        *("--answers-file", ".copier-answers.yml", "--vcs-ref", "{to}"),
    ),
    "Copier's API": ("bin/python", "-c", _API),
    # By the service's own launcher, without the checks and tests, which take minutes.
    "`make template-update`": (
        *("make", "template-update"),
        "python=sh -c '.venv/bin/python \"$$@\" --no-proof' --",
    ),
}
"""The arguments of each command line; `bin/` is that of an environment with Copier."""


class CommandFailedError(Exception):
    """A command line failed, though no conflict is the reason."""


def run_command(name: str, service: Path, environment: Path, to: str) -> None:
    """Update a service by a command line.

    Args:
        name: A key of `COMMANDS`.
        service: The service's folder, committed.
        environment: A virtual environment with Copier, which the service gets as its own.
        to: The release.

    Raises:
        CommandFailedError: The message ends with its output.
    """
    own = service / ".venv"
    own.mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (own / part).symlink_to(environment / part)
    (own / "ready").touch()
    first, *others = (part.format(to=to) for part in COMMANDS[name])
    command = [str(environment / first) if first.startswith("bin/") else first, *others]
    env = {n: value for n, value in os.environ.items() if n not in {"PYTHONPATH", "MAKEFLAGS"}}
    code, output = _on_terminal(command, service, env)
    if code and b"Resolve the conflicts" not in output:
        raise CommandFailedError(f"{name} exited {code}: {output[-400:].decode(errors='replace')}")


def _on_terminal(command: list[str], folder: Path, env: dict[str, str]) -> tuple[int, bytes]:
    """Run a command on a terminal, and press Enter whenever it waits; return code and output."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=env, stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    output = b""
    try:
        while True:
            if not select.select([ours], [], [], 0.2)[0]:
                os.write(ours, b"\r")
                continue
            try:
                output += os.read(ours, 65_536)
            except OSError:  # the last process that had the terminal has ended
                break
    finally:
        os.close(ours)
    return process.wait(), output
