"""The Makefile, pins and images: targets do what they did, floors hold, hashes are required."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from packaging.version import InvalidVersion, Version

from scripts.judge.finding import Finding
from scripts.judge.pipelines import TELLING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.judge.checkout import Checkout

__all__ = ["loose_installs", "loose_pins", "weakened_targets"]

MAKEFILE: Final = "Makefile"
PROTECTED: Final = ("check", "test", "eval", "audit", "setup", "$(ready)", "hooks", "lock", "sbom")
NEEDED: Final = (".venv", "requirements/", "scripts/")
ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([\w.]+)\s*(?:::?:?|\?|\+|!)?=")
RULE: Final = re.compile(
    r"(?P<targets>[^:=#]+?)\s*::?(?!=)\s*(?P<needs>[^;]*?)\s*(?:;(?P<inline>.*))?"
)
# Functions of make that can set any variable, or write files while it reads.
REWRITES: Final = re.compile(r"\$[({](eval|file|guile)\b")
FLOOR: Final = re.compile(r"--min\s+(?P<name>\w+)=(?P<value>[\d.]+)")
REQUIREMENT: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?\s*(?:==(?P<version>[^\s;\\]+))?"
)
IMAGE: Final = re.compile(
    r"(.*/)?((Docker|Container|Make)file[^/]*|[^/]*\.(Docker|docker)file|[^/]*\.sh)"
)
PIPELINES: Final = (".github/workflows/", ".github/actions/", ".gitlab-ci.yml")
INSTALL: Final = re.compile(
    r"\b(pip3?|pipx|uv|poetry|pdm|conda)\b(?=[^&|;]*(\b(install|sync|add)\b|\s--with\b))[^&|;]*"
    r"|\b(curl|wget)\b[^|;]*\|\s*(\w+\s+)?(sh|bash|zsh|python3?)\b"
)


@dataclass
class _Makefile:
    """The rules by target, each as prerequisites and recipe, and the other lines."""

    rules: dict[str, list[tuple[list[str], list[str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    lines: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> _Makefile:
        found, recipe = cls(), list[str]()
        for written in text.replace("\\\n", " ").splitlines():
            if written.startswith("\t"):
                recipe.append(" ".join(written.split()))
                continue
            if not (line := " ".join(written.partition("#")[0].split())):
                continue
            free = not (ASSIGNMENT.match(line) or REWRITES.search(line))
            match = RULE.fullmatch(line) if free else None
            if not match:
                found.lines.append(line)
                continue
            recipe = [match["inline"].strip()] if match["inline"] else []
            for target in match["targets"].split():
                found.rules[target].append((match["needs"].split(), recipe))
        return found

    def needs(self, target: str) -> set[str]:
        return {name for needs, _ in self.rules.get(target, []) for name in needs}


def weakened_targets(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield targets of the checks that are gone or do something else, and floors that fell."""
    if service.equals(release, MAKEFILE):
        return
    before, after = (_Makefile.parse(side.text(MAKEFILE)) for side in (release, service))
    if before.rules:
        for key, message in (*_targets(before, after), *_lines(before, after)):
            yield Finding(MAKEFILE, service.line_of(MAKEFILE, key), "ENF5", message, key)


def _targets(before: _Makefile, after: _Makefile) -> Iterator[tuple[str, str]]:
    for target in (name for name in PROTECTED if name in before.rules):
        recipes = [[r for _, r in side.rules.get(target, []) if r] for side in (before, after)]
        if recipes[0] != recipes[1]:
            yield target, "the target does something else than in the release"
        if not before.needs(target) <= after.needs(target):
            yield target, "prerequisites of the target are gone"
        if any("=" in need for need in after.needs(target)):
            yield target, "a variable is set for the target"
        if target in before.needs(".PHONY") and target not in after.needs(".PHONY"):
            yield target, "a file of this name would hide the target"
    known = {_variable(line) for line in before.lines}
    for name in sorted(after.rules.keys() - before.rules.keys()):
        variable = re.match(r"\$[({](\w+)", name)
        if re.fullmatch(r"\.[A-Z_]+", name):
            yield name, "a special target changes how recipes run"
        elif name.startswith(NEEDED) or (variable and variable[1] in known):
            yield name, "the rule makes a file that the targets of the release need"


def _lines(before: _Makefile, after: _Makefile) -> Iterator[tuple[str, str]]:
    """Yield what differs outside rules: only variables of the team's own may be added."""
    known = {_variable(line) for line in before.lines}
    flagged = set[str]()
    for line in before.lines:
        if line not in after.lines and not any(_raised(line, own) for own in after.lines):
            flagged.add(_variable(line))
            yield _variable(line) or line, "the line is gone or changed"
    for line in after.lines:
        if line in before.lines or any(_raised(old, line) for old in before.lines):
            continue
        name = _variable(line)
        free = name and not (name in known or name.startswith(".") or TELLING.fullmatch(name))
        free = free and not REWRITES.search(line)
        if not free and name not in flagged - {""}:
            yield name or line, "the line may change what the targets do"


def _variable(line: str) -> str:
    match = ASSIGNMENT.match(line)
    return match[1] if match else ""


def _raised(line: str, own: str) -> bool:
    """Say whether a line is another one with floors that are as high or higher."""
    floors, ours = ({m[1]: float(m[2]) for m in FLOOR.finditer(text)} for text in (line, own))
    rest, our_rest = (" ".join(FLOOR.sub("", text).split()) for text in (line, own))
    higher = all(ours.get(name, -1) >= floor for name, floor in floors.items())
    return bool(floors) and rest == our_rest and higher


def loose_pins(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield pins without hash, and those of the release's that are gone or older."""
    for path in sorted(p for p in service.paths if re.fullmatch(r"requirements/[^/]*\.txt", p)):
        if service.equals(release, path):
            continue
        own, unhashed = _pins(service.text(path))
        for name in unhashed:
            line = service.line_of(path, name)
            yield Finding(path, line, "ENF5", "the requirement is not pinned with a hash", name)
        for name, version in _pins(release.text(path))[0].items():
            if name not in own:
                yield Finding(path, 1, "ENF5", f"the pin of {version} is gone", name)
            elif _older(own[name], version):
                line = service.line_of(path, f"{name}==")
                yield Finding(path, line, "ENF5", f"{own[name]} is older than {version}", name)
    for path in ("requirements/base.txt", "requirements/dev.txt"):
        if path in release.paths and path not in service.paths:
            yield Finding(path, 1, "ENF5", "the pins are gone")


def _pins(text: str) -> tuple[dict[str, str], list[str]]:
    pinned, unhashed = dict[str, str](), list[str]()
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith(("#", "-r ", "-c ", "--")):
            continue
        match = REQUIREMENT.match(line)
        name = match["name"].lower() if match else line.split()[0]
        if match and match["version"]:
            pinned[name] = match["version"]
        if not (match and match["version"] and "--hash=" in line):
            unhashed.append(name)
    return pinned, unhashed


def _older(own: str, released: str) -> bool:
    try:
        return Version(own) < Version(released)
    except InvalidVersion:
        return own != released


def loose_installs(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield commands of images and workflows that install what no hash pins."""
    for path in sorted(service.paths):
        if not (IMAGE.fullmatch(path) or path.startswith(PIPELINES)):
            continue
        known = _installs(release.text(path))
        for command in _installs(service.text(path)):
            if command not in known and "--require-hashes" not in command:
                line = service.line_of(path, command.split()[0])
                yield Finding(path, line, "ENF5", "it installs without --require-hashes", command)


def _installs(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    lines = (line for line in joined.splitlines() if not line.lstrip().startswith("#"))
    return [" ".join(match[0].split()) for line in lines for match in INSTALL.finditer(line)]
