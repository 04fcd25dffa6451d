"""The documentation of a render names only existing settings, commands and files."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from harness.answers import ANSWER_SETS
from harness.grouping import each
from harness.rendering import texts
from harness.snippets import snippets

Renderer = Callable[[str], Path]

# Files that are created when the service is used.
NOT_THERE: Final = re.compile(r"tests/team/|docs/configuration\.ext\.md|data/ours.*")
# Variables of other programs that the pages configure.
FOREIGN: Final = {"OPENAI_API_BASE_URL", "OPENAI_API_KEY"}
every_choice = pytest.mark.parametrize("name", each(ANSWER_SETS))


def pages(service: Path) -> dict[str, str]:
    """Return the README, the instructions of assistants and the pages, including code examples."""
    return {
        path: text
        for path, text in texts(service).items()
        if path in {"AGENTS.md", "README.md"} or (path.startswith("docs/") and path.endswith(".md"))
    }


@every_choice
def test_settings_are_those_of_the_render(name: str, rendered: Renderer) -> None:
    """Pages name only known variables, and those that their own code declares."""
    service = rendered(name)
    declared = [
        ast.unparse(field.target)
        for item in snippets(service)
        if item.language == "python"
        for group in ast.walk(ast.parse(item.code))
        if isinstance(group, ast.ClassDef)
        and any(ast.unparse(base).endswith("SettingsGroup") for base in group.bases)
        for field in group.body
        if isinstance(field, ast.AnnAssign)
    ]
    examples = "".join(f"APP_{name.upper()}=\n" for name in declared)
    known = (service / ".env.example").read_text("utf-8") + examples
    for path, text in pages(service).items():
        for variable in re.findall(r"\b(?:APP|ANTHROPIC|OPENAI)_[A-Z0-9_]*[A-Z0-9]\b", text):
            foreign = path == "docs/interfaces.md" and variable in FOREIGN
            assert foreign or re.search(rf"\b{variable}=", known), (path, variable)


@every_choice
def test_commands_and_files_are_those_of_the_render(name: str, rendered: Renderer) -> None:
    """Targets of make, commands of the service, modules, files and pages exist."""
    service = rendered(name)
    examples = [item.title for item in snippets(service) if item.title]
    targets = (service / "Makefile").read_text("utf-8")
    code = "".join(item.code for item in snippets(service))
    commands = {"ask", "config", "eval", "failed", "feedback", "index", "ingest"}
    commands |= {"search", "serve"}
    commands.update(re.findall(r"\bcommands\.add\(\"([a-z-]+)\"", code))
    for path, text in pages(service).items():
        for target in re.findall(r"(?:^|`|\$ )make ([a-z-]+)", text, re.MULTILINE):
            assert re.search(rf"^{target}:", targets, re.MULTILINE), (path, target)
        for command in re.findall(r"python -m app ([a-z]+)", text):
            assert command in commands, (path, command)
        for file in re.findall(
            r"`((?:src|tests|scripts|docs|data|evals|requirements)/[\w./-]+)`", text
        ):
            example = NOT_THERE.fullmatch(file) or any(title.startswith(file) for title in examples)
            assert example or (service / file).exists(), (path, file)
        for module in re.findall(r"`(app\.(?!in`|txt`)[\w.]+)`", text):
            parts, word = module.split("."), ""
            while parts and not (
                (service / "src" / Path(*parts)).is_dir()
                or (service / "src" / Path(*parts)).with_suffix(".py").exists()
            ):
                # A name in a module: the module has to contain it.
                word = parts.pop()
            assert len(parts) > 1, (path, module)
            source = (service / "src" / Path(*parts)).with_suffix(".py")
            if source.exists():
                assert word in source.read_text("utf-8"), (path, module)
        for page in re.findall(r"\]\(([\w-]+\.md)", text):
            assert (service / path).with_name(page).exists(), (path, page)


@every_choice
def test_messages_are_those_of_the_render(name: str, rendered: Renderer) -> None:
    """Each message that the page of troubleshooting explains is one that the code writes."""
    service = rendered(name)
    page = service / "docs/troubleshooting.md"
    if not page.exists():
        return
    written = {
        node.value
        for file in (service / "src").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    by_message = page.read_text("utf-8").partition("## By symptom")[0]
    messages = re.findall(r"^\| (`+)(.+?) ?\1 \|", by_message, re.MULTILINE)
    assert len(messages) > 20
    for _, message in messages:
        for part in re.split(r"…|'", message):
            assert any(part in text for text in written), (message, part)
