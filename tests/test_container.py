"""The container files: linted, and the image's steps run in plain folders."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from harness.answers import VARIANTS
from harness.commands import interpreter, run, user_environment
from harness.image import Build, instructions, unprivileged
from harness.rendering import tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.image import Stage
    from harness.rendering import TemplateRepository

Renderer = Callable[[str], Path]

NEWER = next(
    name
    for name, answers in VARIANTS.items()
    if answers["container"] and answers["python_version"] == "3.12"
)
"""A service with a container, and a newer Python than by default."""

_UID = 10_001
_READY_SECONDS = 30


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """Yield a folder that every user of the machine may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        run("chmod", "-R", "u+w", folder, cwd=folder)


def test_the_dockerfile_is_clean_under_its_linter(rendered: Renderer) -> None:
    """Hadolint finds nothing."""
    assert "" == tool("hadolint", "--no-color", "Dockerfile", cwd=rendered(NEWER))


def test_the_image_is_small_pinned_and_names_no_host(rendered: Renderer) -> None:
    """The base is slim and has an exact tag; no package index is set."""
    service = rendered(NEWER)
    dockerfile = (service / "Dockerfile").read_text(encoding="utf-8")
    found = list(instructions(dockerfile))
    bases = [text.split()[0] for name, text in found if name == "FROM"]
    assert bases == ["python:${PYTHON_VERSION}-slim-trixie"] * 2
    assert ("ARG", "PYTHON_VERSION=3.12") in found
    assert "--require-hashes" in dockerfile
    assert not re.search(r"https?://|index-url|dev\.txt", dockerfile.replace("'/readyz'", ""))


def test_compose_takes_every_privilege_away(rendered: Renderer) -> None:
    """The service has minimal write access and no privileges, and listens on loopback only."""
    text = (rendered("defaults") / "compose.yaml").read_text(encoding="utf-8")
    app = yaml.safe_load(text)["services"]["app"]
    assert app["read_only"] is True
    assert app["cap_drop"] == ["ALL"]
    assert app["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in app["ports"])
    assert app["environment"]["APP_API_KEYS"].startswith("${APP_API_KEYS:?")
    writable = [volume for volume in app["volumes"] if not volume.endswith(":ro")]
    assert writable == ["index:/data"]


@pytest.mark.parametrize(
    ("store", "server", "address"),
    [("pgvector", "postgres", "DATABASE_URL"), ("qdrant", "qdrant", "QDRANT_URL")],
)
def test_compose_offers_the_server_of_a_store(
    rendered: Renderer, store: str, server: str, address: str
) -> None:
    """It is started by its profile alone, and keeps its data; an address in .env goes before."""
    compose = yaml.safe_load((rendered("everything") / "compose.yaml").read_text(encoding="utf-8"))
    app, offered = compose["services"]["app"], compose["services"][server]
    assert offered["profiles"] == [store]
    assert offered["healthcheck"]["test"][0] == "CMD"
    assert app["depends_on"][server] == {"condition": "service_healthy", "required": False}
    assert re.match(rf"\$\{{{address}:-\w+://.*\b{server}:\d+", app["environment"][address])
    assert "ports" not in offered
    assert ":" in offered["image"]
    (volume,) = offered["volumes"]
    assert volume.split(":")[0] in compose["volumes"]
    default = yaml.safe_load((rendered("defaults") / "compose.yaml").read_text(encoding="utf-8"))
    assert default["services"].keys() == {"app"}
    assert default["volumes"].keys() == {"index"}
    assert "depends_on" not in default["services"]["app"]


@pytest.mark.slow
def test_the_image_serves_from_a_read_only_tree_and_stops_when_told(
    template: TemplateRepository, tmp_path: Path, public_folder: Path
) -> None:
    """Built from the Dockerfile, it is healthy by itself and under compose, and ends at SIGTERM."""
    python = interpreter("3.11")
    if python is None:
        pytest.skip("no Python 3.11 here")
    service = template.render(tmp_path / "service")
    # The image has what it compiled.
    env = user_environment(tmp_path / "tools", python=python, uv=False, fresh=True)
    (tmp_path / "tools/python").symlink_to(python)
    prefix = unprivileged(_UID, python)
    uid = _UID if f"--reuid={_UID}" in prefix else os.geteuid()

    image = Build(service, public_folder, env, uid).image

    assert image.user == "10001:10001"
    assert image.owners == dict.fromkeys(image.volumes, image.user) == {"/data": image.user}
    assert image.ports == [image.env["APP_PORT"]]
    shutil.copytree(service / "data", image.folder / "data")
    compiled = list((image.folder / "src").rglob("*.pyc"))
    assert len(compiled) == len(list((image.folder / "src").rglob("*.py")))
    (image.root / "tmp").chmod(0o1777)
    for path in [image.folder, image.root / "opt"]:
        run("chmod", "-R", "a+rX,a-w", path, cwd=tmp_path)
    image.root.chmod(0o555)
    before = _snapshot(image.root)
    compose = yaml.safe_load((service / "compose.yaml").read_text(encoding="utf-8"))
    app = compose["services"]["app"]
    for command, given in ((image.command, {}), (app["command"], app["environment"])):
        with _started(image, command, given, prefix) as (process, environment):
            _wait_until_healthy(image, prefix, environment, process)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=20)
        assert process.returncode == 0, output
        assert '"event":"stopped"' in output
    assert before == _snapshot(image.root)
    assert (image.root / "data/index.sqlite").is_file()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ADD src src", "ADD"),
        ("SHELL ['sh']", "SHELL"),
        ("COPY --chmod=777 src src", "COPY with chmod"),
        ("COPY src/a.py b.py", "another name"),
        ("COPY missing/ missing/", "missing"),
    ],
)
def test_a_step_that_cannot_be_carried_out_is_none_that_passes(
    tmp_path: Path, line: str, told: str
) -> None:
    """Unknown instructions and missing files fail instead of being skipped."""
    context = tmp_path / "context"
    (context / "src").mkdir(parents=True)
    (context / "src/a.py").touch()
    (context / ".dockerignore").touch()
    (context / "Dockerfile").write_text(f"FROM scratch\nWORKDIR /app\n{line}\n", encoding="utf-8")
    with pytest.raises((NotImplementedError, FileNotFoundError), match=told):
        Build(context, tmp_path / "stages", {}, os.geteuid())


@contextmanager
def _started(
    image: Stage, command: list[str], environment: Mapping[str, str], prefix: list[str]
) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """Start a command in the image as compose does, and kill it if it still runs at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    given = {name: image.here(value) for name, value in environment.items()}
    env = image.environment | given | {"APP_PORT": port, "APP_API_KEYS": f'{{"me": "{"k" * 32}"}}'}
    process = subprocess.Popen(
        [*prefix, *command],
        cwd=image.folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process, env
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_until_healthy(
    image: Stage, prefix: list[str], env: dict[str, str], process: subprocess.Popen[str]
) -> None:
    """Run the image's health check until it passes."""
    command = [*prefix, *image.healthcheck]
    deadline = time.monotonic() + _READY_SECONDS
    while run(*command, cwd=image.folder, env=env, expected=None).returncode:
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline, "it never became healthy"
        time.sleep(0.2)


def _snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file that the service must not change."""
    return {
        name: (path.stat().st_size, path.stat().st_mtime_ns)
        for folder in ("app", "opt")
        for path in sorted((root / folder).rglob("*"))
        for name in [str(path.relative_to(root))]
        if path.is_file()
    }
