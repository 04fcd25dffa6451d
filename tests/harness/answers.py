"""The answer sets that the tests render, and the questions of `copier.yml`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]

# The last one is for a question with several choices.
Answer = str | bool | list[str]
Answers = Mapping[str, Answer]

FREE_TEXT: Final = ("project_name", "description", "owner")

# Each text has syntax of one of the languages that answers are rendered into.
TEXTS: Final[Mapping[str, str]] = {
    "accents": "Žluťoučký kůň & œuvre für Ærø",
    "backslash": "C:\\new\\table \\u0041 \\",
    "emoji": "🎉 Fête 👩‍👩‍👧 日本語",
    "jinja": "{{ owner }} {% if x %} # [% if x %] @{ owner }@ [# x #] #}",
    "long": "ŵ" * 60,
    "markdown": "# a_b_ *c* [d](e) `f` | <b>g</b> &amp; ~~h~~",
    "quotes": 'it\'s "quoted" \'\'\' """ and `ticked`',
    "shell": "$(touch pwned) `id` ${HOME} $HOME; exit 1 | tee & > x",
    "toml": "x = 1 # [table] = 'y' ]]",
    "workflow": "${{ github.token }} ::set-output name=x::y",
    "yaml": "- a: b, {c: [d]} # e ! & * ? | > % @ null: ~",
}

CHOICES: Final[Mapping[str, Answers]] = {
    "defaults": {},
    "mit, 3.12, no ci": {"license": "MIT", "python_version": "3.12", "ci": "none"},
    "apache, 3.13, no docs": {"license": "Apache-2.0", "python_version": "3.13", "docs": False},
    "bare": {"python_version": "3.14", "ci": "none", "docs": False, "container": False},
    "one letter": {"project_name": "x", "owner": "y", "description": "z", "license": "MIT"},
    # With the defaults, every combination of the providers.
    "anthropic": {"llm_providers": ["anthropic"]},
    "anthropic, openai's embeddings": {"llm_providers": ["anthropic"], "embeddings": "openai"},
    "openai": {"llm_providers": ["openai"]},
    "openai with embeddings": {
        "llm_providers": ["openai"],
        "embeddings": "openai",
        "vector_stores": ["pgvector"],
    },
    "openai's embeddings": {"embeddings": "openai", "vector_stores": ["qdrant"]},
    "both providers": {"llm_providers": ["anthropic", "openai"]},
    "own provider": {"llm_providers": ["own"]},
    "openai's interface": {"interfaces": ["openai"]},
    "mcp": {"interfaces": ["mcp"]},
    "everything": {
        "llm_providers": ["anthropic", "openai", "own"],
        "embeddings": "openai",
        "interfaces": ["openai", "mcp"],
        "vector_stores": ["pgvector", "qdrant"],
    },
}

ANSWER_SETS: Final[Mapping[str, Answers]] = {
    **CHOICES,
    **{
        name: {**dict.fromkeys(FREE_TEXT, text), "license": license_}
        for (name, text), license_ in zip(
            TEXTS.items(), itertools.cycle(("MIT", "Apache-2.0", "proprietary")), strict=False
        )
    },
}


@cache
def copier_config() -> Mapping[str, object]:
    """Return the content of `copier.yml`; settings have a leading underscore."""
    loaded = yaml.safe_load((ROOT / "copier.yml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@cache
def questions() -> Mapping[str, Mapping[str, object]]:
    """Return the questions by name, in the order they are asked."""
    found: dict[str, Mapping[str, object]] = {}
    for name, details in copier_config().items():
        if not name.startswith("_"):
            assert isinstance(details, dict)
            found[name] = details
    return found


def choices(question: str) -> tuple[Answer, ...]:
    """Return every valid answer of a question; nothing for free text.

    Of a question with several choices: none, each alone, and all of them.
    """
    details = questions()[question]
    if details["type"] == "bool":
        return (True, False)
    listed = details.get("choices", ())
    assert isinstance(listed, dict | list | tuple)
    values = list(listed.values()) if isinstance(listed, dict) else list(listed)
    if details.get("multiselect"):
        return ([], *([value] for value in values), values)
    return tuple(values)


def default(question: str) -> Answer:
    """Return the default of a question, which must not be an expression."""
    value = questions()[question]["default"]
    assert isinstance(value, str | bool | list)
    assert "@{" not in str(value)
    return value


def comparable(question: str, answer: Answer) -> tuple[str, str]:
    """Return a question with its answer in a form that fits into a set."""
    return question, str(answer)


def flips() -> Iterator[Answers]:
    """Yield every answer that differs from its question's default, the free texts together."""
    yield {**dict.fromkeys(FREE_TEXT, TEXTS["jinja"]), "project_slug": "another-slug"}
    for question in questions():
        for answer in choices(question):
            if answer != default(question):
                yield {question: answer}
