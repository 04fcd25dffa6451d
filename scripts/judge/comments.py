"""Comments, decorators and configuration files that turn off a check in the service."""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from scripts.judge.checkout import git
from scripts.judge.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.judge.checkout import Checkout

__all__ = ["hidden_configuration", "inline_suppressions", "unwanted_files"]

WORDS: Final = 3
ENCODING_LINES: Final = 2
FOLDERS: Final = ("src/", "scripts/", "tests/")
WHOLE: Final = re.compile(
    r"#\s*(?P<key>(?:ruff|flake8)\s*:\s*(?:noqa|disable|ignore|file-ignore)\b[^-#]*|mypy\s*:\s*[^#]*"
    r"|(?:ruff\s*:\s*)?isort\s*:\s*skip_file|deptry\s*:\s*ignore\b[^#]*)",
    re.IGNORECASE,
)
NOQA: Final = re.compile(
    r"#\s*noqa(?P<codes>\s*:\s*[A-Z]+\d+(?:[\s,]+[A-Z]+\d+)*)?(?P<reason>.*)", re.IGNORECASE
)
IGNORE: Final = re.compile(r"#\s*type\s*:\s*ignore(?P<codes>\[[^]]+\])?")
ALLOW: Final = re.compile(r"#\s*allow (?P<code>[A-Z]{3}\d): *(?P<reason>.*)")
# Python reads the file by this comment, ruff as UTF-8.
ENCODED: Final = re.compile(r"#.*?(?P<key>coding[:=][ \t]*(?!utf-?8\b)[-\w.]+)", re.IGNORECASE)
AUDITED: Final = re.compile(r"#\s*(?P<key>zizmor\s*:\s*ignore\b.*)")
UNCOVERED: Final = re.compile(r"#\s*(?P<key>pragma\s*:?\s*no\s*\w+)", re.IGNORECASE)
UNCHECKED: Final = frozenset({"no_type_check", "no_type_check_decorator"})
UNCOLLECTED: Final = frozenset(
    {"__test__", "collect_ignore", "collect_ignore_glob"}
    | {"pytest_collection_modifyitems", "pytest_ignore_collect", "pytest_itemcollected"}
)
# Hooks of pytest that can turn a failure into a pass.
UNREPORTED: Final = frozenset(
    {"pytest_cmdline_main", "pytest_pyfunc_call", "pytest_runtest_call", "pytest_runtestloop"}
    | {"pytest_runtest_makereport", "pytest_runtest_protocol", "pytest_sessionfinish"}
)
# Files that the tools read instead of pyproject.toml, or that make reads instead of the Makefile.
CONFIGURATION: Final = frozenset(
    {"ruff.toml", ".ruff.toml", "mypy.ini", ".mypy.ini", "setup.cfg", ".flake8", "pytest.ini"}
    | {".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", ".coveragerc", ".coveragerc.toml"}
    | {
        ".importlinter",
        ".ignore",
        "zizmor.yml",
        "zizmor.yaml",
        "prek.toml",
        "GNUmakefile",
        "makefile",
    }
    | {"pyproject.toml", "sitecustomize.py", "usercustomize.py"}
)
COMPILED: Final = (".pyc", ".pyo", ".so", ".pyd")
ENVIRONMENT: Final = (".venv/", ".cache/")
TOP: Final = re.compile(r"(?P<name>\w+)(\.py|/__(init|main)__\.py)")
ENV_FILE: Final = re.compile(r"(.*/)?(\.env(?!(\.ext)?\.example$)[^/]*|[^/]+\.env)")
KEY_FILE: Final = re.compile(
    r".*\.(key|p12|pfx|jks|keystore|kdbx|ppk)|(.*/)?id_(rsa|dsa|ecdsa|ed25519)"
)
MARKERS: Final = re.compile(rb"^(<{7}|>{7})( |$)", re.MULTILINE)
# As pygrep does in the hook `private-key`.
KEYS: Final = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bsk-[A-Za-z0-9_-]{20,}|\bAKIA[0-9A-Z]{16}\b"
    rb"|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bAIza[0-9A-Za-z_-]{35}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    rb"|\bpcsk_[A-Za-z0-9_]{20,}"
)
LARGEST: Final = 1_000_000


def inline_suppressions(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield comments and decorators, not of the release, that turn a check off without a reason."""
    for path in sorted(filter(_is_checked, service.paths)):
        if service.equals(release, path):
            continue
        find = _suppressions if path.endswith(".py") else _unaudited
        known = Counter(key for _, key, _ in find(path, release.data(path) or b""))
        for line, key, message in find(path, service.data(path) or b""):
            known[key] -= 1
            if known[key] < 0:
                yield Finding(path, line, "ENF6", message, key)


def _is_checked(path: str) -> bool:
    workflow = path.startswith(".github/") and path.endswith((".yml", ".yaml"))
    return workflow or path == "conftest.py" or (path.endswith(".py") and path.startswith(FOLDERS))


def _unaudited(_path: str, data: bytes) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
        if match := AUDITED.search(line):
            yield (
                number,
                match["key"].strip(),
                "the comment hides a finding of the workflows' scanner",
            )


def _suppressions(path: str, data: bytes) -> Iterator[tuple[int, str, str]]:
    tokens = tokenize.tokenize(io.BytesIO(data).readline)
    try:
        for token in tokens:
            line = token.start[0]
            if token.type == tokenize.COMMENT:
                alone = token.line.lstrip().startswith("#")
                if line <= ENCODING_LINES and (match := ENCODED.search(token.string)):
                    yield line, match["key"], "Python reads another text here than the checks"
                yield from ((line, *found) for found in _comment(path, token.string, alone=alone))
            elif token.type == tokenize.NAME and token.string in UNCHECKED:
                yield line, token.string, "the decorator turns the type checker off"
            elif token.type == tokenize.NAME and token.string in UNCOLLECTED:
                yield line, token.string, "tests are not collected"
            elif token.type == tokenize.NAME and token.string in UNREPORTED:
                yield line, token.string, "the hook can turn a failure into a pass"
    except (tokenize.TokenError, SyntaxError):
        return  # not Python, which other steps find


def _comment(path: str, text: str, *, alone: bool) -> Iterator[tuple[str, str]]:
    in_tests = path.startswith("tests/")
    if match := WHOLE.search(text):
        yield " ".join(match["key"].split()), "the comment turns a check off for more than its line"
    elif match := NOQA.search(text):
        codes = re.sub(r"[\s:]+", " ", match["codes"] or "").strip()
        if not codes:
            yield "noqa", "the comment names no rule"
        elif not in_tests and not _is_reason(match["reason"]):
            yield f"noqa: {codes}", f"the comment gives no reason of {WORDS} words"
    if match := IGNORE.search(text):
        if alone:
            yield f"type: ignore{match['codes'] or ''}", "the comment is about the whole module"
        elif not match["codes"]:
            yield "type: ignore", "the comment names no error code"
    if (match := ALLOW.search(text)) and not _is_reason(match["reason"]):
        yield f"allow {match['code']}", f"the comment gives no reason of {WORDS} words"
    if (match := UNCOVERED.search(text)) and not in_tests:
        yield " ".join(match["key"].split()), "the lines do not count for coverage"


def _is_reason(text: str) -> bool:
    return len(re.findall(r"\w{2,}", text)) >= WORDS


def hidden_configuration(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield files that configure a tool beside pyproject.toml, or hide sources from one."""
    for path in sorted(service.paths - release.paths):
        name = PurePosixPath(path).name
        if name in CONFIGURATION:
            yield Finding(path, 1, "ENF7", "the file hides the configuration of a tool")
        elif path.startswith("src/") and name.endswith(".pyi") and path[:-1] in service.paths:
            yield Finding(path, 1, "ENF7", "the stub hides its module from the type checker")
        elif path.startswith("src/") and name.endswith(COMPILED):
            yield Finding(path, 1, "ENF7", "no check reads compiled code")
        elif (match := TOP.match(path)) and match["name"] in _modules(service):
            message = f"`python -m` would run it for the module `{match['name']}`"
            yield Finding(path, 1, "ENF7", message)
    for path in sorted(p for p in service.paths if p.startswith(ENVIRONMENT))[:1]:
        yield Finding(path, 1, "ENF7", "an environment or a cache of the checks is tracked")
    for path in sorted(p for p in service.unread if p.startswith(FOLDERS)):
        yield Finding(path, 1, "ENF7", "no check follows a link or submodule")
    if (service.root / ".git").exists():
        ignored = git(service.root, "ls-files", "-z", "--cached", "--ignored", "--exclude-standard")
        for path in sorted(p for p in ignored.split("\0") if p.startswith(FOLDERS)):
            yield Finding(path, 1, "ENF7", "git ignores the file, so ruff does not look at it")


def _modules(service: Checkout) -> frozenset[str]:
    """Return the modules that `python -m` and the checks take from Python and the pins."""
    pinned = re.findall(r"^([\w.-]+)==", service.text("requirements/dev.txt"), re.MULTILINE)
    return frozenset({name.replace("-", "_") for name in pinned} | sys.stdlib_module_names)


def unwanted_files(release: Checkout, service: Checkout) -> Iterator[Finding]:
    """Yield tracked files that belong into no repository."""
    for path in sorted(service.paths):
        if ENV_FILE.fullmatch(path):
            yield Finding(path, 1, "ENF8", "a file of secrets is tracked; revoke what it held")
        if KEY_FILE.fullmatch(path):
            yield Finding(path, 1, "ENF8", "a file of keys is tracked; revoke them")
        if path.endswith(".rej"):
            yield Finding(path, 1, "ENF8", "a rejected hunk of an update is tracked")
        if path.startswith("data/") or service.equals(release, path):
            continue
        data = service.data(path) or b""
        if len(data) > LARGEST:
            yield Finding(path, 1, "ENF8", f"the file has {len(data):,} bytes")
        elif b"\0" not in data[:8000]:
            if match := MARKERS.search(data):
                line = data.count(b"\n", 0, match.start()) + 1
                yield Finding(path, line, "ENF8", "a merge marker is left")
            if match := KEYS.search(data):
                line = data.count(b"\n", 0, match.start()) + 1
                yield Finding(path, line, "ENF8", "a private or vendor's key is tracked; revoke it")
