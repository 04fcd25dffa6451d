"""The environment of the subjects: rendered services, workers, documents, progress."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.pages import write_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ROOT", "Bench", "BenchError", "Worker", "alone", "plain_environment", "run"]

ROOT: Final = Path(__file__).resolve().parents[1]
_BUILD: Final = ROOT / "build/bench"
_TAIL: Final = 4_000
_PATIENCE_SECONDS: Final = 300
# Variables that make, the tools or the developer's service would leak into the measurement.
_LEAKS: Final = ("APP_", "MAKE", "MFLAGS", "PYTEST_", "PYTHON")
_LEAKING_NAMES: Final = frozenset({"ARGS", "CI", "CORPUS", "VIRTUAL_ENV"})


class BenchError(Exception):
    """Something cannot be measured; the message has the reason."""


@dataclass
class Bench:
    """The workshop of a subject.

    Args:
        quick: a quick look instead of a measurement: small sizes, few rounds.
        corpus: a folder of real documents; without one, `documents` writes pages.
        took_corpus: whether the subject has used that folder.
    """

    quick: bool = False
    corpus: Path | None = None
    chunks: int | None = None
    took_corpus: bool = field(default=False, init=False)
    _subject: str = ""
    _made: dict[str, Path] = field(default_factory=dict)
    _workers: int = 0

    def size(self, full: int, quick: int) -> int:
        """Return the value for a full run or for a quick one."""
        return quick if self.quick else full

    def begin(self, subject: str) -> None:
        """Report that a subject begins."""
        self._subject, self._workers, self.took_corpus = subject, 0, False
        if not sys.stderr.isatty():
            sys.stderr.write(f"{subject}\n")

    def say(self, what: str) -> None:
        """Report the progress, on one line of a terminal."""
        if sys.stderr.isatty():
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\x1b[K{f'{self._subject}: {what}'[:width]}")
            sys.stderr.flush()

    def end(self) -> None:
        """Clear the progress."""
        if sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def service(self, answers: Mapping[str, object] | None = None) -> Path:
        """Return a rendered service in an environment with its own pins, without an index.

        Args:
            answers: to the template's questions; the defaults for the rest.

        Raises:
            BenchError: it cannot be rendered or set up.
        """
        said = json.dumps(answers or {}, sort_keys=True)
        name = f"service-{hashlib.sha256(said.encode()).hexdigest()[:8]}" if answers else "service"
        if name not in self._made:
            self.say("rendering the service")
            self._made[name] = _rendered(_BUILD / name, said)
            self.say("setting the service up")
            run("make", "setup", cwd=self._made[name])
        shutil.rmtree(self._made[name] / "var", ignore_errors=True)
        return self._made[name]

    def competitors(self) -> Path:
        """Return the interpreter of the competitors' environment.

        Raises:
            BenchError: it cannot be set up.
        """
        home = _BUILD / "competitors"
        pins = ROOT / "requirements/bench.txt"
        wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
        python, ready = home / "bin/python", home / "ready"
        if not ready.is_file() or ready.read_text(encoding="utf-8") != wanted:
            self.say("setting the competitors up")
            run("uv", "venv", "--quiet", "--clear", "--python", sys.executable, home)
            requirements = ("--require-hashes", "--requirement", pins)
            run(
                "uv",
                "pip",
                "install",
                "--quiet",
                "--compile-bytecode",
                "--python",
                python,
                *requirements,
            )
            ready.write_text(wanted, encoding="utf-8")
        return python

    def documents(self, pages: int) -> Path:
        """Return the folder of documents: the given one, or a new one with this many pages."""
        if self.corpus is not None:
            self.took_corpus = True
            return self.corpus
        folder = _BUILD / f"pages-{pages}"
        if not folder.is_dir():
            self.say(f"writing {pages} pages")
            unfinished = folder.with_name(f"{folder.name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            write_pages(unfinished, pages, samples=ROOT / "template/data/samples")
            unfinished.rename(folder)
        return folder

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield an empty folder; remove it at the end."""
        folder = _BUILD / "scratch" / (self._subject or "any")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def worker(
        self, python: Path, name: str, variables: Mapping[str, str] | None = None
    ) -> Iterator[Worker]:
        """Start a module of `benchmarks.workers` in an environment; stop it at the end.

        Args:
            python: the interpreter of the environment.
            name: of the module.
            variables: added to its environment variables.
        """
        self._workers += 1
        log = _BUILD / f"logs/{self._subject}-{self._workers}-{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stderr = stack.enter_context(log.open("w", encoding="utf-8"))
            process = subprocess.Popen(
                [str(python), "-m", f"benchmarks.workers.{name}"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**plain_environment(), **(variables or {})},
            )
            try:
                yield Worker(process, log)
            finally:
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                assert process.stdout is not None
                process.stdout.close()


@dataclass(frozen=True)
class Worker:
    """A process in another environment that runs commands."""

    process: subprocess.Popen[str]
    log: Path

    def ask(self, command: str, **arguments: object) -> object:
        """Run a command and return its reply.

        Raises:
            BenchError: it failed, or took too long.
        """
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(json.dumps({"command": command, **arguments}) + "\n")
            stdin.flush()
        except BrokenPipeError:
            pass  # it has ended; its last output is read below
        if not select.select([stdout], [], [], _PATIENCE_SECONDS)[0]:
            raise BenchError(f"{command} took more than {_PATIENCE_SECONDS} s; see {self.log}")
        line = stdout.readline()
        if not line:
            told = self.log.read_text(encoding="utf-8", errors="replace")[-_TAIL:]
            raise BenchError(f"the worker ended during {command}:\n{told}")
        reply = json.loads(line)
        if "error" in reply:
            raise BenchError(f"{command} failed:\n{reply['error']}")
        return reply["value"]

    def figure(self, command: str, **arguments: object) -> float:
        """Run a command that replies with one figure."""
        value = self.ask(command, **arguments)
        assert isinstance(value, float | int)
        return float(value)


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other run measures: two would share folders and affect each other."""
    _BUILD.mkdir(parents=True, exist_ok=True)
    with (_BUILD / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("another run is measuring; waiting for its end\n")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def plain_environment() -> dict[str, str]:
    """Return an environment with the tools and no settings."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_LEAKS) and name not in _LEAKING_NAMES
    }


def run(*command: str | Path, cwd: Path = ROOT, variables: Mapping[str, str] | None = None) -> str:
    """Run a command without input and return its output.

    Args:
        command: and its arguments.
        cwd: where it runs.
        variables: added to its environment variables.

    Raises:
        BenchError: it failed; the message ends with its output.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**plain_environment(), **(variables or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        line = " ".join(map(str, command))
        raise BenchError(f"`{line}` exited {done.returncode}:\n{done.stdout[-_TAIL:]}")
    return done.stdout


def _rendered(folder: Path, answers: str) -> Path:
    """Render a service again, and keep its environment if its pins are the same."""
    environment, kept = folder / ".venv", folder.with_name(f"{folder.name}.venv")
    before = _pins(folder)
    shutil.rmtree(kept, ignore_errors=True)
    if environment.is_dir():
        environment.rename(kept)
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    answered = folder.with_name(f"{folder.name}.answers.yml")
    answered.write_text(answers, encoding="utf-8")
    run(sys.executable, "scripts/new.py", folder, "--answers", answered, "--quiet")
    if kept.is_dir() and before == _pins(folder):
        kept.rename(environment)
        (environment / "ready").touch()
    return folder


def _pins(folder: Path) -> dict[str, bytes]:
    """Return the inputs of a service's environment."""
    paths = [*folder.glob("requirements/*.txt"), *folder.glob("scripts/setup.sh")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
