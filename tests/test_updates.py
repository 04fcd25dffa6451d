"""`copier update` brings the template's changes and never loses the team's work."""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import copier
import pytest
import yaml

from harness.ageing import NEWCOMER, age
from harness.answers import (
    FREE_TEXT,
    ROOT,
    SPACE,
    TEXTS,
    Answer,
    Answers,
    choices,
    comparable,
    copier_config,
    default,
    questions,
    walks,
)
from harness.commands import CommandError, git, interpreter, run, user_environment
from harness.rendering import TemplateRepository, commit_all, contents, files
from harness.sketching import Sketcher
from harness.team import CONDITIONAL_EDITS, DELETED, EDITS, NEW_FILES, make_it_ours
from harness.updating import (
    TEAMS_OWN,
    assert_no_conflict,
    differing,
    update_with_api,
    update_with_command,
)
from scripts.variants import PROFILE

Update = Callable[..., None]

OLD, NEW = "v0.0.1", "v0.1.0"
# The oldest Copier merges in the test of the work of teams, which leave most files as they are.
NEWEST = pytest.mark.parametrize("update", ["the command", "newest Copier"], indirect=True)


class History:
    """A template with two releases, the files in which they differ, and renders of it."""

    def __init__(self, repository: TemplateRepository, aged: list[str], folder: Path) -> None:
        self.aged = aged
        self._repository = repository
        self._folder = folder
        self._rendered: dict[str, Path] = {}

    def render(self, destination: Path, answers: Answers | None = None, *, ref: str) -> Path:
        """Copy a render, which is made once, to a destination."""
        key = json.dumps([ref, dict(answers or {})], sort_keys=True)
        if key not in self._rendered:
            place = self._folder / str(len(self._rendered))
            self._rendered[key] = self._repository.render(place, answers, ref=ref)
        return Path(shutil.copytree(self._rendered[key], destination, symlinks=True))


@pytest.fixture(scope="module")
def history(template: TemplateRepository, tmp_path_factory: pytest.TempPathFactory) -> History:
    """The working tree's template as v0.1.0, and an older state of it as v0.0.1."""
    fresh = template.render(tmp_path_factory.mktemp("fresh") / "service")
    rendered = contents(fresh)
    make_it_ours(fresh)
    edited = contents(fresh)
    owned = {name: data for name, data in rendered.items() if not TEAMS_OWN.match_file(name)}

    root = tmp_path_factory.mktemp("history")
    repository = TemplateRepository.of_working_tree(root)
    current = contents(root / "template")
    aged = age(root / "template", owned, edited)
    repository.release(OLD)
    for name, data in current.items():
        (root / "template" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "template" / name).write_bytes(data)
    repository.release(NEW)
    return History(repository, aged, tmp_path_factory.mktemp("renders"))


@pytest.fixture(scope="session")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oldest Copier that the template accepts, in an environment of its own."""
    environment = tmp_path_factory.mktemp("floor") / "venv"
    uv, python = ROOT / ".venv/bin/uv", ROOT / ".venv/bin/python"
    run(uv, "venv", "--quiet", "--python", python, environment, cwd=ROOT)
    pins = ("--require-hashes", "--requirements", ROOT / "requirements/floor.txt")
    target = ("--python", environment / "bin/python")
    run(uv, "pip", "install", "--quiet", *target, *pins, cwd=ROOT)
    return environment / "bin/copier"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a team that has uv and the oldest Python, outside of CI."""
    python = interpreter("3.11") or Path(sys.executable)
    return {**user_environment(tmp_path / "tools", python=python, uv=True), "CI": ""}


@pytest.fixture(
    params=["the command", "newest Copier", pytest.param("oldest Copier", marks=pytest.mark.slow)]
)
def update(request: pytest.FixtureRequest, tmp_path: Path) -> Update:
    """Update a service, by its own command and with each Copier that the template accepts."""
    if request.param == "the command":
        return update_with_command
    if request.param == "newest Copier":
        return update_with_api
    oldest: Path = request.getfixturevalue("floor")

    def with_oldest(service: Path, answers: Answers | None = None) -> None:
        given = tmp_path / "answers.yml"
        given.write_text(yaml.safe_dump(dict(answers or {})), encoding="utf-8")
        flags = ("--defaults", "--quiet", "--data-file", given)
        run(oldest, "update", *flags, service, cwd=service)

    return with_oldest


def start(history: History, destination: Path, ref: str, *, ours: bool = False) -> Path:
    """Render a service at a release and commit it, optionally with the team's work."""
    service = history.render(destination, ref=ref)
    if ours:
        make_it_ours(service)
    commit_all(service, "Our service")
    return service


@pytest.mark.slow
def test_the_older_state_differs_in_most_files(history: History) -> None:
    """The updates below have changes, also in the files that the team edits."""
    assert len(history.aged) > 50
    assert {"README.md", "Makefile", "pyproject.toml", "src/app/config/settings.py"} <= {
        *history.aged
    }


def test_an_update_keeps_the_teams_work(history: History, update: Update, tmp_path: Path) -> None:
    """An update ends where the team's edits on a fresh render of the new release would."""
    service = start(history, tmp_path / "service", OLD, ours=True)
    update(service)
    assert_no_conflict(service)
    expected = history.render(tmp_path / "expected", ref=NEW)
    make_it_ours(expected)
    assert [] == differing(contents(expected), contents(service))
    assert {*EDITS, *CONDITIONAL_EDITS, *NEW_FILES, NEWCOMER} <= {*files(service)}
    assert [] == [name for name in DELETED if (service / name).exists()]


@pytest.mark.slow
@NEWEST
def test_an_untouched_service_becomes_a_fresh_render(
    history: History, update: Update, tmp_path: Path
) -> None:
    """An updated service without changes equals a fresh render."""
    service = start(history, tmp_path / "service", OLD)
    update(service)
    assert_no_conflict(service)
    expected = history.render(tmp_path / "expected", ref=NEW)
    assert [] == differing(contents(expected), contents(service))


@pytest.mark.slow
@NEWEST
def test_an_update_to_the_same_release_changes_nothing(
    history: History, update: Update, tmp_path: Path
) -> None:
    """A second update changes nothing."""
    service = start(history, tmp_path / "service", NEW, ours=True)
    update(service)
    assert "" == git(service, "status", "--porcelain")


@pytest.mark.slow
@pytest.mark.parametrize(
    "texts", [tuple(TEXTS)[start : start + 3] for start in range(0, len(TEXTS), 3)], ids=" ".join
)
def test_answers_survive_an_update_as_they_are(
    texts: tuple[str, ...], history: History, tmp_path: Path
) -> None:
    """Copier renders defaults as templates, but never the answers of before."""
    answers = dict(zip(FREE_TEXT, (TEXTS[name] for name in texts), strict=False))
    service = history.render(tmp_path / "service", answers, ref=OLD)
    commit_all(service, "Our service")
    update_with_api(service)
    assert_no_conflict(service)
    expected = history.render(tmp_path / "expected", answers, ref=NEW)
    assert [] == differing(contents(expected), contents(service))


@pytest.mark.slow
def test_an_answer_that_an_old_service_lacks_takes_its_default(
    history: History, tmp_path: Path
) -> None:
    """A question newer than the service's release does not disturb its update."""
    service = start(history, tmp_path / "service", OLD)
    recorded = service / ".copier-answers.yml"
    answers = yaml.safe_load(recorded.read_text("utf-8"))
    kept = {name: answers[name] for name in ("_commit", "_src_path", "project_name")}
    recorded.write_text(yaml.safe_dump(kept), encoding="utf-8")
    commit_all(service, "Older answers")
    update_with_api(service)
    assert_no_conflict(service)
    expected = history.render(tmp_path / "expected", ref=NEW)
    assert [] == differing(contents(expected), contents(service))


@pytest.mark.slow
def test_a_recopy_keeps_the_teams_own_files(history: History, tmp_path: Path) -> None:
    """It replaces edits of owned files, as `git diff` shows; then an update has nothing to do."""
    service = start(history, tmp_path / "service", OLD, ours=True)
    before = contents(service)
    kept = {n: data for n, data in before.items() if n in NEW_FILES or TEAMS_OWN.match_file(n)}

    copier.run_recopy(service, defaults=True, overwrite=True, quiet=True)

    fresh = contents(history.render(tmp_path / "expected", ref=NEW))
    assert [] == differing(fresh | kept, contents(service))
    changed = git(service, "diff", "--name-only").split()
    assert {*EDITS} - {*kept} <= {*changed}
    commit_all(service, "Recopied")
    update_with_command(service)
    assert "" == git(service, "status", "--porcelain")


@pytest.mark.slow
def test_the_shipped_update_proves_its_result(
    history: History, env: dict[str, str], place: Path, tmp_path: Path
) -> None:
    """`make template-update` keeps the team's work, and runs its checks and tests on the result."""
    service = start(history, place, OLD, ours=True)
    shown = run("make", "template-update", cwd=service, env=env).stdout
    assert "Updated." in shown
    assert re.search(r"^ok +types ", shown, re.MULTILINE)
    assert re.search(r"^\d+ passed", shown, re.MULTILINE)
    assert_no_conflict(service)
    expected = history.render(tmp_path / "expected", ref=NEW)
    make_it_ours(expected)
    listed = git(service, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    result = {name: data for name, data in contents(service).items() if name in listed}
    assert [] == differing(contents(expected), result)


@pytest.mark.slow
def test_a_true_conflict_is_shown_and_fails_the_update(
    history: History, env: dict[str, str], place: Path
) -> None:
    """If both changed the same line, `make template-update` fails and names the file."""
    service = start(history, place, OLD)
    page = service / "docs/operations.md"
    text = page.read_text(encoding="utf-8")
    assert "(as it was)" in text
    page.write_text(text.replace("(as it was)", "(as we do it)"), encoding="utf-8")
    commit_all(service, "Say how we do it")
    shown = run("make", "template-update", cwd=service, env=env, expected=2).stdout
    assert "docs/operations.md" in shown
    assert "(as we do it)" in page.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("walk", walks())
def test_answers_flipped_there_and_back_change_nothing(
    walk: str, history: History, tmp_path: Path
) -> None:
    """Each flip equals a fresh render with these answers, and the last way back restores the start.

    A flip changes many questions, and takes back what the one before has changed.
    """
    # The team's edits in files that an answer removes would be lost, so there are none.
    service = history.render(tmp_path / "service", ref=NEW)
    make_it_ours(service, conditional=False)
    commit_all(service, "Our service")
    start = git(service, "rev-parse", "HEAD").strip()
    recorded = yaml.safe_load((service / ".copier-answers.yml").read_text("utf-8"))
    recorded = {name: recorded[name] for name in questions()}

    back: dict[str, Answer] = {}
    for answers in walks()[walk]:
        update_with_api(service, {**back, **answers})
        assert_no_conflict(service)
        # With all answers: a profile would suggest others.
        expected = history.render(tmp_path / "expected", {**recorded, **answers}, ref=NEW)
        make_it_ours(expected, conditional=False)
        assert [] == differing(contents(expected), contents(service)), answers
        shutil.rmtree(expected)
        commit_all(service, f"There: {answers}")
        back = {question: recorded[question] for question in answers}

    update_with_api(service, back)
    assert_no_conflict(service)
    commit_all(service, "And back")
    assert "" == git(service, "diff", "--stat", start)


@pytest.mark.slow
def test_the_command_takes_new_answers(history: History, tmp_path: Path) -> None:
    """The service equals the team's edits on a render with these answers."""
    answers: Answers = {"llm_providers": ["anthropic", "own"], "docs": False, "owner": "Our's"}
    service = history.render(tmp_path / "service", ref=OLD)
    make_it_ours(service, conditional=False)
    commit_all(service, "Our service")
    update_with_command(service, answers)
    assert_no_conflict(service)
    expected = history.render(tmp_path / "expected", answers, ref=NEW)
    make_it_ours(expected, conditional=False)
    assert [] == differing(contents(expected), contents(service))


QUESTIONS: Final = {
    OLD: """\
_subdirectory: template
_templates_suffix: ""
_exclude: ["/scripts/updating", "@{ '/site' if not documentation else '' }@"]
documentation: {type: bool, default: true}
store: {type: str, choices: [sqlite, memory, disk], default: sqlite}
""",
    NEW: """\
_subdirectory: template
_templates_suffix: ""
_exclude:
  - /scripts/updating
  - "@{ '/site' if not (docs | default(documentation) | default(true)) else '' }@"
  - "@{ '/Dockerfile' if not container | default(true) else '' }@"
docs: {type: bool, default: "@{ documentation | default(true) }@"}
store: {type: str, choices: [sqlite, memory],
        default: "@{ 'memory' if store | default('') == 'disk' else 'sqlite' }@"}
container: {type: bool, default: true}
""",
}
"""A renamed question, a removed choice and a new condition, as CONTRIBUTING.md asks for them."""


@pytest.fixture
def questions_change(tmp_path: Path) -> TemplateRepository:
    """A small template of two releases whose questions differ, with the working tree's updater."""
    root = tmp_path / "template"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "template/scripts", root / "template/scripts", ignore=ignored)
    for name in ("moves.toml", "changelog.md"):
        (root / "template/scripts/updating" / name).write_text("", encoding="utf-8")
    envops = '_envops: {variable_start_string: "@{", variable_end_string: "}@"}\n'
    repository = TemplateRepository(root)
    texts = {
        ".copier-answers.yml": "@{ _copier_answers | to_nice_yaml }@",
        ".gitignore": "/.cache/\n",
        "Dockerfile": "FROM python\n",
        "site/index.md": "# Pages\n",
    }
    for name, text in texts.items():
        (root / "template" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "template" / name).write_text(text, encoding="utf-8")
    for ref, asked in QUESTIONS.items():
        (root / "copier.yml").write_text(asked + envops, encoding="utf-8")
        (root / "template/store.txt").write_text(f"@{{ store }}@ in {ref}\n", encoding="utf-8")
        commit_all(root, ref)
        git(root, "tag", ref)
    return repository


def test_old_answers_are_mapped_when_questions_change(
    questions_change: TemplateRepository, update: Update, tmp_path: Path
) -> None:
    """A renamed question keeps its answer, and a newly conditional file with the team's edit stays.

    The default of a question that lost a choice says what becomes of services that had it.
    """
    given: Answers = {"documentation": False, "store": "disk"}
    service = questions_change.render(tmp_path / "service", given, ref=OLD)
    assert not (service / "site").exists()
    (service / "Dockerfile").write_text("FROM python\nRUN ours\n", encoding="utf-8")
    commit_all(service, "Our service")

    update(service)

    assert_no_conflict(service)
    assert not (service / "site").exists()
    assert "FROM python\nRUN ours\n" == (service / "Dockerfile").read_text("utf-8")
    assert f"memory in {NEW}\n" == (service / "store.txt").read_text("utf-8")
    answers = yaml.safe_load((service / ".copier-answers.yml").read_text("utf-8"))
    asked = {name: answers[name] for name in answers if not name.startswith("_")}
    assert {"docs": False, "store": "memory", "container": True} == asked


@pytest.mark.slow
def test_an_answer_that_no_question_has_is_refused(history: History, tmp_path: Path) -> None:
    """The error has Copier's reason, and nothing has changed."""
    service = start(history, tmp_path / "service", OLD)
    with pytest.raises(CommandError, match=r"llm_providers.*wrong"):
        update_with_command(service, {"llm_providers": ["wrong"]})
    assert "" == git(service, "status", "--porcelain")


def test_the_updater_knows_what_is_the_teams() -> None:
    """Its lists equal those of copier.yml: seeds, and copy-only paths."""
    source = (ROOT / "template/scripts/updating/merging.py").read_text(encoding="utf-8")
    lists = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"SEEDS", "COPY_ONLY"}
    }
    config = copier_config()
    seeds, excluded = config["_skip_if_exists"], config["_exclude"]
    assert isinstance(seeds, list)
    assert isinstance(excluded, list)
    on_update = [re.match(r"@\{ '/(\S+)' if _copier_operation == 'update'", e) for e in excluded]
    teams = [*lists["SEEDS"], *lists["COPY_ONLY"]]
    assert [path.removeprefix("/") for path in seeds] == teams
    assert [m[1] for m in on_update if m] == [path.rstrip("/") for path in lists["COPY_ONLY"]]


def test_every_alternative_is_flipped_to_and_changes_a_file(template: TemplateRepository) -> None:
    """The flips have every question, and every choice that is not the default, once it is alone."""
    steps = [answers for walk in walks().values() for answers in walk]
    flipped = {comparable(*item) for answers in steps for item in answers.items()}
    sketcher = Sketcher(template.root / "template")
    start = SPACE.defaults()
    before = sketcher.sketch(start)
    assert set(questions()) == {question for question, _ in flipped}
    for question in questions():
        for answer in choices(question):
            if answer != default(question):
                assert comparable(question, answer) in flipped
                after = sketcher.sketch({**start, question: answer})
                assert (question == PROFILE) == (before == after), f"{question}: {answer}"
