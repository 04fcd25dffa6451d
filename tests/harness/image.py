"""Runs a Dockerfile in plain folders, without a container engine.

Each stage is a folder. The files of the base image are those of the machine; absolute paths below
`FOLDERS` are those of the stage. Layers and namespaces are not covered: they need an engine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final

from harness.commands import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

FOLDERS: Final = ("app", "data", "opt", "tmp")
_ABSOLUTE = re.compile(rf"(?<![\w./}}-])/(?=(?:{'|'.join(FOLDERS)})\b)")
_COPY_OPTIONS = frozenset({"chown", "from"})
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(slots=True)
class Stage:
    """A stage of a build: its folder, and the state of its instructions."""

    root: Path
    machine: Mapping[str, str]
    env: dict[str, str] = field(default_factory=dict)
    base: str = ""
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    ports: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)

    def here(self, text: str) -> str:
        """Return a text with the stage's absolute paths as paths of this machine."""
        return _ABSOLUTE.sub(lambda _: f"{self.root}/", text)

    @property
    def folder(self) -> Path:
        """The working directory."""
        return self.root / self.workdir.lstrip("/")

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the stage's processes."""
        return {**self.machine, **self.env}


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile and its arguments."""
    lines = [line for line in dockerfile.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            name, arguments = line.split(maxsplit=1)
            yield name, arguments.strip()


class Build:
    """Runs the Dockerfile of a folder.

    Args:
        context: The folder to build; its `.dockerignore` limits the files to copy.
        folder: An empty folder for the stages.
        env: The environment that the base image has, `python` on its path.
        uid: The owner of files copied with `--chown`.

    Raises:
        NotImplementedError: An instruction or option is not supported.
    """

    def __init__(self, context: Path, folder: Path, env: Mapping[str, str], uid: int) -> None:
        self._folder = folder
        self._machine = env
        self._uid = uid
        self._arguments: dict[str, str] = {}
        self._stages: dict[str, Stage] = {}
        self._stage = Stage(folder, {})
        self._sent = folder / "context"
        self._send(context)
        for name, text in instructions((context / "Dockerfile").read_text(encoding="utf-8")):
            if name not in self._CARRY_OUT:
                raise NotImplementedError(name)
            self._CARRY_OUT[name](self, text)

    @property
    def image(self) -> Stage:
        """The last stage."""
        return self._stage

    def _send(self, context: Path) -> None:
        rules = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
        for path in context.rglob("*"):
            name = path.relative_to(context)
            if path.is_file() and not _ignored(name, rules):
                (self._sent / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, self._sent / name)

    def _arg(self, text: str) -> None:
        name, value = text.split("=", 1)
        self._arguments[name] = value

    def _from(self, text: str) -> None:
        image, _, alias = _filled(text, self._arguments).partition(" AS ")
        self._stage = Stage(self._folder / (alias or "image"), self._machine, base=image)
        (self._stage.root / "tmp").mkdir(parents=True)
        self._stages[alias] = self._stage

    def _env(self, text: str) -> None:
        for part in shlex.split(text):
            name, value = part.split("=", 1)
            local = self._stage.here(value)
            self._stage.env[name] = _filled(local, self._stage.environment)

    def _workdir(self, text: str) -> None:
        self._stage.workdir = text
        self._stage.folder.mkdir(parents=True)

    def _copy(self, text: str) -> None:
        options = dict(word[2:].split("=", 1) for word in text.split() if word.startswith("--"))
        if unknown := options.keys() - _COPY_OPTIONS:
            raise NotImplementedError(f"COPY with {', '.join(sorted(unknown))}")
        *sources, target = [word for word in text.split() if not word.startswith("--")]
        root = self._stages[options["from"]].root if "from" in options else self._sent
        destination = self._stage.folder / self._stage.here(target)
        for source in sources:
            path = root / source.lstrip("/")
            if path.is_dir():
                shutil.copytree(path, destination, symlinks=True)
            elif target.endswith("/"):
                destination.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, destination)
            else:
                raise NotImplementedError(f"COPY of the file {source} to another name")
        if "chown" in options:
            self._stage.owners[target] = options["chown"]
            if os.geteuid() == 0:
                os.chown(destination, self._uid, self._uid)

    def _run(self, text: str) -> None:
        stage = self._stage
        (stage.root / "opt").mkdir(exist_ok=True)
        run("sh", "-euc", stage.here(text), cwd=stage.folder, env=stage.environment)

    def _user(self, text: str) -> None:
        self._stage.user = text

    def _cmd(self, text: str) -> None:
        self._stage.command = json.loads(text)

    def _healthcheck(self, text: str) -> None:
        self._stage.healthcheck = json.loads(text.partition(" CMD ")[2])

    def _expose(self, text: str) -> None:
        self._stage.ports += text.split()

    def _volume(self, text: str) -> None:
        self._stage.volumes += text.split()

    _CARRY_OUT: ClassVar[Mapping[str, Callable[[Build, str], None]]] = {
        "ARG": _arg,
        "CMD": _cmd,
        "COPY": _copy,
        "ENV": _env,
        "EXPOSE": _expose,
        "FROM": _from,
        "HEALTHCHECK": _healthcheck,
        "RUN": _run,
        "USER": _user,
        "VOLUME": _volume,
        "WORKDIR": _workdir,
    }


def _ignored(name: Path, rules: Iterable[str]) -> bool:
    """Return whether a file is excluded: the last rule that matches it or its folders decides."""
    names = [name.as_posix(), *(parent.as_posix() for parent in name.parents)]
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!")
        parts = {r"\*\*/": "(?:.*/)?", r"\*": "[^/]*", r"\[": "[", r"\]": "]"}
        expression = re.escape(pattern)
        for glob, regex in parts.items():
            expression = expression.replace(glob, regex)
        if not rule.startswith("#") and any(re.fullmatch(expression, each) for each in names):
            ignored = not rule.startswith("!")
    return ignored


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values[match[1] or match[2]], text)


def unprivileged(uid: int, python: Path) -> list[str]:
    """Return a prefix that starts a command without privileges, like `cap_drop: [ALL]`.

    If this machine's Python is in a folder that only root may enter, the command runs as root
    without capabilities: it can write files that root owns, if their mode allows it.
    """
    if os.geteuid() != 0:
        return []
    bare = ["setpriv", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    other = [*bare, f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    tried = subprocess.run([*other, "test", "-x", python], check=False)
    return other if tried.returncode == 0 else bare
