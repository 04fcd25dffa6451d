"""The variants that run have every possible pair of answers, counted here once more."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING

import pytest

from harness.answers import FREE_TEXT, ROOT, SPACE, TEXTS, VARIANTS, copier_config, questions
from harness.commands import interpreter, run, user_environment
from harness.rendering import TemplateRepository
from scripts.variants import PROFILE, Factor, Space, answers_of, covered
from scripts.variants_page import table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.answers import Answers

Choice = tuple[str, object]


def _said(answers: Answers) -> set[Choice]:
    """Return what complete answers say: of several choices, of each whether it is chosen."""
    said: set[Choice] = set()
    for question, answer in answers.items():
        details = questions()[question]
        listed = details.get("choices", ())
        assert isinstance(listed, dict | list | tuple)
        values = listed.values() if isinstance(listed, dict) else listed
        if details.get("multiselect"):
            assert isinstance(answer, list)
            said |= {(f"{question} {value}", value in answer) for value in values}
        elif listed or details["type"] == "bool":
            said.add((question, answer))
    return said


def _pairs(variants: Mapping[str, Answers]) -> set[frozenset[Choice]]:
    """Return the pairs of answers to different questions that some variant has."""
    return {
        frozenset(pair)
        for answers in variants.values()
        for pair in itertools.combinations(
            _said({name: answer for name, answer in answers.items() if name != PROFILE}), 2
        )
    }


def _all_pairs() -> set[frozenset[Choice]]:
    """Return every pair, from the questions alone."""
    listed = {name: details.get("choices", ()) for name, details in questions().items()}
    several = {name for name, details in questions().items() if details.get("multiselect")}
    every: set[Choice] = set()
    for name, found in listed.items():
        assert isinstance(found, dict | list | tuple)
        values = [*(found.values() if isinstance(found, dict) else found)]
        if questions()[name]["type"] == "bool":
            values = [True, False]
        if name in several:
            every |= {(f"{name} {value}", chosen) for value in values for chosen in (True, False)}
        elif name != PROFILE:
            every |= {(name, value) for value in values}
    return {
        frozenset({one, other})
        for one, other in itertools.combinations(every, 2)
        if one[0] != other[0]
    }


def _impossible() -> set[frozenset[Choice]]:
    return {
        frozenset((str(factor).replace(":", ""), value) for factor, value in pair)
        for pair in SPACE.impossible()
    }


def test_every_possible_pair_of_answers_is_run() -> None:
    """Each pair is in a variant whose own commands run, or is impossible for a named reason."""
    missing = _all_pairs() - _pairs(VARIANTS) - _impossible()
    assert set() == missing
    assert all(SPACE.impossible().values())
    assert len(_all_pairs()) == len(SPACE.pairs())


def test_pairs_do_not_depend_on_the_newest_python() -> None:
    """A machine may lack it, and skips its variants."""
    *_, newest = SPACE.factors[Factor("python_version")]
    older = {name: each for name, each in VARIANTS.items() if each["python_version"] != newest}
    missing = _all_pairs() - _pairs(older) - _impossible()
    assert all(("python_version", newest) in pair for pair in missing)


def test_a_variant_that_is_gone_is_missed() -> None:
    """Without one of them the arithmetic names pairs, and only such that this one has."""
    for name, answers in VARIANTS.items():
        others = {other: given for other, given in VARIANTS.items() if other != name}
        missing = _all_pairs() - _pairs(others) - _impossible()
        if name not in SPACE.profiles:
            assert missing, name
        assert missing <= _pairs({name: answers})


@pytest.mark.slow
def test_a_defect_of_one_pair_is_caught(tmp_path: Path) -> None:
    """What only two answers together break fails a command of the variants that have both."""
    root = tmp_path / "template"
    root.mkdir()
    template = TemplateRepository.of_working_tree(root)
    project = root / "template/pyproject.toml"
    both = "'qdrant' in vector_stores and 'ray' in ingestion_engines"
    planted = f"[project]\n# [% if {both} %]\nkeywords = 1\n# [% endif %]\n"
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("[project]\n", planted, 1), encoding="utf-8")
    template.release("v0.1.0")
    pair = {Factor("vector_stores", "qdrant"): True, Factor("ingestion_engines", "ray"): True}
    chosen = {
        name: pair.items() <= SPACE.row_of(answers).items()
        for name, answers in VARIANTS.items()
        if interpreter(str(answers["python_version"]))
    }
    having = [name for name, has in chosen.items() if has]
    lacking = [name for name, has in chosen.items() if not has]
    assert 0 < len(having) < len(lacking)

    for name in (having[-1], lacking[-1]):
        answers = VARIANTS[name]
        service = template.render(tmp_path / name.replace(" ", "-"), answers)
        python = interpreter(str(answers["python_version"]))
        assert python is not None
        env = user_environment(tmp_path / f"tools of {name}", python=python, uv=True)
        done = run("make", "check", "STEPS=pyproject", cwd=service, env=env, expected=None)
        assert (name in having) == bool(done.returncode), done.stdout
        assert ("keywords" in done.stdout) == (name in having)


def test_a_new_question_is_covered() -> None:
    """Nothing but `copier.yml` names the questions: one more, with a rule, has its pairs too."""
    config = copy.deepcopy({**copier_config()})
    config["engine"] = {"type": "str", "choices": {"None": "none", "Ray": "ray"}, "default": "none"}
    config["workers"] = {
        "type": "bool",
        "default": False,
        "when": "@{ engine == 'ray' and container }@",
    }
    space = Space(config)
    engine, workers, container = Factor("engine"), Factor("workers"), Factor("container")

    run, impossible = covered(space.rows), space.impossible()

    assert {
        frozenset({(workers, True), (engine, "none")}),
        frozenset({(workers, True), (container, False)}),
    } == set(impossible)
    assert all("engine == 'ray' and container" in reason for reason in impossible.values())
    assert space.pairs() - impossible.keys() == run
    assert all(space.accepts(row) for row in space.rows)


def test_a_choice_that_others_exclude_is_left_out() -> None:
    """A validator of a choice makes its pairs impossible, and no variant has them."""
    config = copy.deepcopy({**copier_config()})
    config["python_version"] = {
        **questions()["python_version"],
        "choices": {
            "3.11": "3.11",
            "3.12": "3.12",
            "3.13": {
                "value": "3.13",
                "validator": "@{ 'has no wheels' if 'qdrant' in vector_stores else '' }@",
            },
            "3.14": "3.14",
        },
    }
    config["python_version"] = config.pop("python_version")  # asked last, knows the stores
    space = Space(config)
    refused = frozenset(
        {(Factor("python_version"), "3.13"), (Factor("vector_stores", "qdrant"), True)}
    )

    assert {refused} == space.impossible().keys()
    assert space.pairs() - {refused} == covered(space.rows)


def test_every_text_is_in_every_place() -> None:
    """The free texts of the variants have all syntaxes that a file could trip over."""
    for question in FREE_TEXT:
        assert set(TEXTS.values()) <= {answers.get(question) for answers in VARIANTS.values()}


@pytest.mark.parametrize("profile", SPACE.profiles)
def test_a_profile_only_sets_defaults(
    profile: str, template: TemplateRepository, tmp_path: Path
) -> None:
    """Copier takes the answers that a profile suggests, and no file depends on it otherwise."""
    asked = template.ask({PROFILE: profile}, tmp_path)
    assert SPACE.defaults({PROFILE: profile}) == asked
    assert PROFILE not in "".join(map(str, copier_config()["_exclude"]))  # type: ignore[call-overload]


def test_everything_is_everything() -> None:
    """The last profile adds all that can be added: every yes, and every one of several choices."""
    *_, everything = SPACE.profiles
    row = SPACE.row_of(SPACE.defaults({PROFILE: everything}))
    assert [] == [str(factor) for factor, value in row.items() if value is False]


def test_the_page_has_every_variant() -> None:
    """Its table has a line for each, in the order of the tests."""
    lines = [line for line in table().splitlines() if line.startswith("| ")][1:]
    assert len(VARIANTS) == len(lines)
    assert f"there are {len(_all_pairs())}." in table()
    assert (ROOT / "docs/variants.json").exists()
    assert answers_of(SPACE.row_of(VARIANTS["everything"]))["interfaces"] == ["openai", "mcp"]
