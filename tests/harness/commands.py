"""Running commands as a user would, and the environments to run them in."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.answers import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

# Variables that pytest, make, coverage, an environment or the developer's service would leak.
_LEAKS: Final = ("APP_", "COVERAGE_", "COV_", "GNUMAKE", "MAKE", "MFLAGS", "PYTEST_", "PYTHON")
_LEAKING_NAMES: Final = frozenset({"VIRTUAL_ENV", "VIRTUAL_ENV_PROMPT", "UV_PYTHON", "UV_PROJECT"})
SAVING: Final = (
    "MYPY_CACHE_DIR",
    "PYTEST_XDIST_AUTO_NUM_WORKERS",
    "PYTHONPYCACHEPREFIX",
    "UV_COMPILE_BYTECODE",
)
"""Variables that save the tests time; see `conftest.py`."""
_TAIL: Final = 6_000


class CommandError(AssertionError):
    """A command had an unexpected exit code; the message ends with its output."""


def run(
    *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None, expected: int | None = 0
) -> subprocess.CompletedProcess[str]:
    """Run a command without input and return it with its output, stderr merged into stdout.

    Raises:
        CommandError: The exit code is not the expected one (None expects nothing).
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if expected is not None and done.returncode != expected:
        line = " ".join(map(str, command))
        raise CommandError(f"`{line}` exited {done.returncode}:\n{done.stdout[-_TAIL:]}")
    return done


def git(cwd: Path, *arguments: str) -> str:
    """Run git in a folder and return its output."""
    return run("git", *arguments, cwd=cwd).stdout


@cache
def interpreter(version: str) -> Path | None:
    """Find a Python of a minor version, such as ``3.12``, that can make virtual environments."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    managed = Path.home() / ".local/share/uv/python"
    on_path = shutil.which(name)
    candidates = [
        *([Path(on_path)] if on_path else []),
        *pyenv.glob(f"versions/{version}*/bin/{name}"),
        *managed.glob(f"cpython-{version}*/bin/{name}"),
    ]
    probe = "import ensurepip, sys; print(sys.executable if sys.prefix == sys.base_prefix else '')"
    for candidate in candidates:
        # A pyenv shim is on the PATH even if its version is not active.
        found = run(candidate, "-c", probe, cwd=ROOT, expected=None)
        if found.returncode == 0 and found.stdout.strip():
            return Path(found.stdout.strip())
    return None


def user_environment(tools: Path, *, python: Path, uv: bool, fresh: bool = False) -> dict[str, str]:
    """Return an environment with one Python, and uv or not.

    Args:
        tools: An empty folder for links, the first on the PATH.
        python: The interpreter behind ``python3``.
        uv: Whether ``uv`` is installed: the one that this repository pins.
        fresh: Whether nothing is shared or left out to save time, as on a team's first day.
    """
    tools.mkdir(parents=True)
    pinned_uv = ROOT / ".venv/bin/uv"
    version = run(python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])", cwd=ROOT)
    for name in ("python3", f"python{version.stdout.strip()}"):
        (tools / name).symlink_to(python)
    if uv:
        (tools / "uv").symlink_to(pinned_uv)
    temporary = Path(tempfile.gettempdir()) / "services"  # short: sockets' paths are bounded
    temporary.mkdir(exist_ok=True)
    inherited = [
        entry
        for entry in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if not Path(entry).is_relative_to(ROOT) and not (Path(entry) / "uv").exists()
    ]
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if (not fresh if name in SAVING else not name.startswith(_LEAKS))
            and name not in _LEAKING_NAMES
        },
        "PATH": os.pathsep.join([str(tools), *inherited]),
        "UV_PYTHON_DOWNLOADS": "never",
        # Each start of pytest takes the rights of other users from its temporary folders, and with
        # ours from the programs of services in them, which PostgreSQL runs as another user.
        "PYTEST_DEBUG_TEMPROOT": str(temporary),
    }
