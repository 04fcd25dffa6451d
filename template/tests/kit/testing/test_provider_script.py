"""The faulty provider's script, and its good replies."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest
from pydantic import BaseModel

from fixtures.configuration import REGISTRY
from fixtures.provider.__main__ import _introduction, main
from fixtures.provider.script import FAULTS, OK, Step
from fixtures.provider.writing import instance_of, reply_to, vectors_of

if TYPE_CHECKING:
    from fixtures.provider.server import FaultyProvider


class Inner(BaseModel):
    """A part."""

    number: int
    word: str


class Outer(BaseModel):
    """A script with parts of every kind."""

    flag: bool
    inner: Inner
    many: list[Inner]
    maybe: Inner | None
    score: float


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("ok", OK),
        ("", OK),
        ("429 retry_after=2", Step(429, retry_after="2")),
        ("delay=0.5 503", Step(503, delay=0.5)),
        ("stall_after=3 text='two words'", Step(stall_after=3, text="two words")),
        *((fault, Step(fault=fault)) for fault in sorted(FAULTS)),
    ],
)
def test_a_script_is_read(text: str, step: Step) -> None:
    """Words, statuses and values make one step, which can be written as text."""
    assert step == Step.parse(text)
    assert step == Step.parse(str(step))


@pytest.mark.parametrize("text", ["nonsense", "429 later=2", "delay=soon"])
def test_what_means_nothing_is_refused(text: str) -> None:
    """A misspelt step would make a test meaningless."""
    with pytest.raises(ValueError, match=r"nonsense|later|soon"):
        Step.parse(text)


async def test_steps_are_followed_once_and_in_order(provider: FaultyProvider) -> None:
    """Afterwards every reply is good; requests are recorded."""
    provider.follow("500", Step(429, retry_after="7"))
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
    async with httpx2.AsyncClient(base_url=provider.anthropic_url) as client:
        replies = [await client.post("/v1/messages", json=body) for _ in range(3)]
        away = await client.get("/v1/models")
    assert [500, 429, 200] == [reply.status_code for reply in replies]
    assert "7" == replies[1].headers["retry-after"]
    assert 404 == away.status_code
    assert [body, body, body, {}] == [each.body for each in provider.requests]
    assert all(each.finished for each in provider.requests)


async def test_a_developer_sends_steps(provider: FaultyProvider) -> None:
    """For the next requests and for all others; invalid ones are rejected, with a reason."""
    async with httpx2.AsyncClient() as client:
        taken = await client.post(provider.script_url, content="429\n\nalways 500 delay=0\n")
        refused = await client.post(provider.script_url, content="nonsense")
        chat = f"{provider.openai_url}/chat/completions"
        statuses = [(await client.post(chat, json={})).status_code for _ in range(3)]
    assert (200, "next: 429; then: 500\n") == (taken.status_code, taken.text)
    assert (400, True) == (refused.status_code, "nonsense" in refused.text)
    assert [429, 500, 500] == statuses
    assert 3 == len(provider.requests)


def test_a_wrong_argument_is_told(
    provider: FaultyProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    """An invalid step, and a used port: one line, and nothing is served."""
    port = str(urlsplit(provider.script_url).port)
    for arguments in (["nonsense"], ["--port", port]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert 2 == caught.value.code
        assert arguments[-1] in capsys.readouterr().err


def test_the_introduction_names_what_the_service_has(provider: FaultyProvider) -> None:
    """It has the variables of its vendors only, and a known model."""
    text = "\n".join(_introduction(provider, ["500"]))
    known = {
        name.partition(":")[0] for name in (*REGISTRY.chat_models.parts, *REGISTRY.embedders.parts)
    }
    for vendor in ("anthropic", "openai"):
        assert (f"{vendor.upper()}_BASE_URL=" in text) == (vendor in known)
    assert ("APP_DEFAULT_MODEL=" in text) == any(
        name.endswith(":*") for name in REGISTRY.chat_models.parts
    )
    assert ("APP_EMBEDDING_MODEL=" in text) == ("openai:*" in REGISTRY.embedders.parts)
    assert "It does, once: 500" in text


def test_an_instance_is_valid() -> None:
    """Any model can have a structured reply."""
    assert Outer.model_validate_json(json.dumps(instance_of(Outer.model_json_schema()))).flag


def test_a_prompt_without_passages_is_answered() -> None:
    """The author of the script can tell who answered."""
    assert "faulty provider" in reply_to("hello")


async def test_vectors_have_any_length() -> None:
    """Shorter and longer than their source, and always of length 1."""
    for dimension in (8, 512, 1536):
        (vector,) = await vectors_of(["some words"], dimension)
        assert dimension == len(vector)
        assert 1 == pytest.approx(sum(number**2 for number in vector))
