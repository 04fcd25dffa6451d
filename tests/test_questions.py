"""The questions: accepted and rejected answers, and their effects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from harness.answers import (
    ANSWER_SETS,
    FREE_TEXT,
    TEXTS,
    copier_config,
    questions,
)
from harness.grouping import each

if TYPE_CHECKING:
    from harness.rendering import TemplateRepository

Renderer = Callable[[str], Path]


def test_every_question_has_a_default_and_says_what_its_answer_changes() -> None:
    """A bot can render and update without answering, and the help describes each answer."""
    for name, details in questions().items():
        assert "default" in details, name
        help_text = details["help"]
        assert isinstance(help_text, str), name
        assert len(help_text) > 40, name
        # Copier puts three columns before it, and a terminal cuts lines at its width.
        assert max(map(len, help_text.splitlines())) <= 75, name


def test_nothing_asks_for_trust() -> None:
    """A release with tasks or extensions would require `--trust` permanently."""
    assert not {"_tasks", "_jinja_extensions", "_migrations"} & copier_config().keys()


@pytest.mark.parametrize("name", each(ANSWER_SETS))
def test_the_answers_file_holds_exactly_what_was_answered(name: str, rendered: Renderer) -> None:
    """An update reads back any text unchanged."""
    recorded = yaml.safe_load((rendered(name) / ".copier-answers.yml").read_text("utf-8"))
    given = ANSWER_SETS[name]
    assert dict(given) == {question: recorded[question] for question in given}
    assert {"_commit", "_src_path", *questions()} == recorded.keys()
    assert recorded["_commit"] == "v0.1.0"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Knowledge Base", "acme-knowledge-base"),
        ("Žluťoučký kůň", "zlutoucky-kun"),
        ("Smørrebrød & Œuvre", "smorrebrod-oeuvre"),
        ("Straße İstanbul Ğ Þór Ła", "strasse-istanbul-g-thor-la"),
        ("Cafe\u0301 au lait", "cafe-au-lait"),
        ("9 lives", "lives"),
        ("--x--", "x"),
        ("文書検索", "service"),
        ("🎉", "service"),
        ("2026", "service"),
        ("ab " * 19 + "ab", "ab-" * 19 + "ab"),
        ("ß" * 60, "s" * 60),
        ("ß" * 29 + "x yy", "s" * 58 + "x"),
    ],
)
def test_the_slug_is_derived_from_the_name(
    name: str, slug: str, template: TemplateRepository, tmp_path: Path
) -> None:
    """Letters lose their accents; other characters become a hyphen or nothing."""
    assert slug == template.ask({"project_name": name}, tmp_path)["project_slug"]


REFUSED = [
    *[
        (question, text, message)
        for question in FREE_TEXT
        for text, message in [
            ("", "must not be blank"),
            (" \u00a0", "must not be blank"),
            ("two\nlines", "must be one line"),
            ("bell\x07", "must be one line"),
            ("delete\x7f", "must be one line"),
            ("next\x85line", "must be one line"),
            ("separator\u2028", "must be one line"),
            ("right\u202eto left", "must be one line"),
            ("isolate\u2067", "must be one line"),
            ("\ufeffmark", "must be one line"),
            ("surrogate\udc80", "must be one line"),
            (" led", "must not start or end with a space"),
            ("x" * 201, "must be at most"),
        ]
    ],
    ("project_name", "x" * 61, "must be at most 60 characters long"),
    ("owner", "x" * 61, "must be at most 60 characters long"),
    *[
        ("project_slug", slug, "must be at most 60 lower-case letters")
        for slug in ("", "-a", "a-", "A", "1a", "a_b", "a b", "a\n", "é", "x" * 61, "$(id)")
    ],
    ("license", "GPL-3.0", "'GPL-3.0' is not in"),
    ("python_version", "3.10", "'3.10' is not in"),
    ("ci", "gitlab", "'gitlab' is not in"),
]


@pytest.mark.parametrize(("question", "answer", "message"), REFUSED)
def test_an_impossible_answer_is_refused_with_one_clear_line(
    question: str, answer: str, message: str, template: TemplateRepository, tmp_path: Path
) -> None:
    """The message names the question and the rule, and nothing is written."""
    with pytest.raises(ValueError, match=question) as caught:
        template.ask({question: answer}, tmp_path)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("text", ["x" * 60, "👩‍👩‍👧" * 12, *TEXTS.values()])
def test_any_other_text_is_taken(text: str, template: TemplateRepository, tmp_path: Path) -> None:
    """Any sixty characters of one line are a valid name."""
    asked = template.ask({"project_name": text, "owner": text}, tmp_path)
    assert (text, text) == (asked["project_name"], asked["owner"])
