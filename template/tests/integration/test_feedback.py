"""What people think of answers: taken over HTTP, kept beside the index, shown and exported."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from app.evaluation import feedback
from app.evaluation.feedback import FeedbackEntry, FeedbackFile, golden_candidates
from app.evaluation.golden import load_golden
from fixtures.asgi import open_client
from fixtures.services import Fakes

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.command_line import CommandLine
    from fixtures.configuration import MakeSettings

_KEY = "a-key-of-sixteen-characters"


def given(number: int = 1, *, helpful: bool = True, **changes: object) -> dict[str, Any]:
    """Return the body of a request."""
    body: dict[str, Any] = {"answer_id": f"r-{number}", "question": "How?", "helpful": helpful}
    return body | {"documents": ["a.md"]} | changes


async def test_feedback_is_kept_beside_the_index(make_settings: MakeSettings) -> None:
    """With its time and the name of the key; the last for each answer counts."""
    settings = make_settings(api_keys={"reader": SecretStr(_KEY)})
    async with open_client(Fakes(settings).app()) as client:
        refused = await client.post("/v1/feedback", json=given())
        client.headers["Authorization"] = f"Bearer {_KEY}"
        for body in (given(1), given(2, comment="a\u2028b\nc"), given(1, helpful=False)):
            assert 204 == (await client.post("/v1/feedback", json=body)).status_code
    file = FeedbackFile(settings.index_path)
    second, first = await asyncio.to_thread(file.entries)

    assert 401 == refused.status_code
    assert settings.index_path.parent == file.path.parent
    assert (True, "a\u2028b\nc", "reader") == (second.helpful, second.comment, second.client)
    assert (False, "r-1") == (first.helpful, first.answer_id)
    assert first.at.endswith("+00:00")
    if sys.platform != "win32":
        assert 0o600 == stat.S_IMODE(file.path.stat().st_mode)


@pytest.mark.parametrize(
    "change",
    [
        {"answer_id": "a b"},
        {"question": " "},
        {"helpful": "yes"},
        {"comment": "a" * 2_001},
        {"documents": [""]},
        {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_is_no_feedback_is_refused(change: dict[str, object], fakes: Fakes) -> None:
    """Nothing of it is kept."""
    async with open_client(fakes.app()) as client:
        response = await client.post("/v1/feedback", json=given() | change)

    assert (422, "invalid_request") == (response.status_code, response.json()["code"])
    assert not FeedbackFile(fakes.settings.index_path).path.exists()


async def test_the_file_has_a_limit(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    """No caller fills the disk: what does not fit is refused, and the rest stays as it is."""
    monkeypatch.setattr(feedback, "_MOST_BYTES", 200)
    async with open_client(fakes.app()) as client:
        statuses = [
            (await client.post("/v1/feedback", json=given(n))).status_code for n in range(3)
        ]

    assert [204, 503, 503] == statuses
    entries = await asyncio.to_thread(FeedbackFile(fakes.settings.index_path).entries)
    assert ["r-0"] == [entry.answer_id for entry in entries]


def test_a_broken_line_costs_itself_only(tmp_path: Path) -> None:
    """A full disk may have cut one off."""
    file = FeedbackFile(tmp_path / "index.sqlite")
    file.add(FeedbackEntry(**given(1)))
    with file.path.open("a", encoding="utf-8") as text:
        text.write('{"answer_id": "r-2", "questi\n')
    file.add(FeedbackEntry(**given(3)))

    assert ["r-1", "r-3"] == [entry.answer_id for entry in file.entries()]


def test_helpful_answers_suggest_golden_cases() -> None:
    """One for each question, with every document that such an answer cites, and no other."""
    entries = [
        FeedbackEntry(**given(1, documents=["a.md", "b.md"])),
        FeedbackEntry(**given(2, documents=["c.md"])),
        FeedbackEntry(**given(3, documents=["wrong.md"], helpful=False)),
        FeedbackEntry(**given(4, documents=[], question="Why?")),
        FeedbackEntry(**given(5, question="When?")),
    ]
    first, second = golden_candidates(entries)

    assert ("How?", {"a.md": 1, "b.md": 1, "c.md": 1}) == (first.question, first.relevant)
    assert "When?" == second.question
    assert first.id != second.id
    assert first.id == golden_candidates(entries[:1])[0].id


def test_the_commands_show_and_export_it(cli: CommandLine, tmp_path: Path) -> None:
    """What is exported is a golden set; nothing that somebody wrote steers the terminal."""
    assert "0 helpful, 0 not" in cli("feedback", "list").out
    file = FeedbackFile(tmp_path / "var/index.sqlite")
    file.add(FeedbackEntry(**given(1)))
    file.add(FeedbackEntry(**given(2, helpful=False, comment="wrong \x1b[31m")))
    listed, as_json = cli("feedback", "list"), cli("feedback", "list", "--json")
    exported = cli("feedback", "export")
    (tmp_path / "golden.jsonl").write_text(exported.out, encoding="utf-8")

    assert "1 helpful, 1 not" in listed.out
    assert "\x1b" not in listed.out
    assert ["r-1", "r-2"] == [one["answer_id"] for one in as_json.document["feedback"]]
    (case,) = load_golden(tmp_path / "golden.jsonl")
    assert ("How?", {"a.md": 1}) == (case.question, case.relevant)
    assert "1 more" in exported.err
    assert json.loads(exported.out) == cli("feedback", "export", "--json").document["cases"][0]
