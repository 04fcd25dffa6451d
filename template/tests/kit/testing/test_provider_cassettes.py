"""Cassettes hold no secret, and playing back calls nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx2
import pytest

from fixtures.provider.cassettes import NotRecordedError, Tape

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.provider.server import FaultyProvider


ORGANISATION = "org-AbCdEf0123456789"


KEY = "sk-proj-planted0123456789"


BODY = {"message": f"rate limit of {ORGANISATION}, key {KEY}", "user": "user-planted99"}


async def _post(url: str) -> httpx2.Response:
    headers = {"authorization": f"Bearer {KEY}", "openai-organization": ORGANISATION}
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{url}/v1/other", json=BODY, headers=headers)


async def test_what_was_recorded_is_played_back(provider: FaultyProvider, tmp_path: Path) -> None:
    """The HTTP client of the SDKs is intercepted: the second time no request arrives."""
    tape = Tape("faulty", folder=tmp_path)
    with tape.playing("one"):
        first = await _post(provider.anthropic_url)
    with replace(tape, record=None).playing("one"):
        second = await _post("https://api.vendor.invalid")
    assert 1 == len(provider.requests)
    assert (404, first.json()) == (second.status_code, second.json())


async def test_a_cassette_has_no_keys_and_no_ids(provider: FaultyProvider, tmp_path: Path) -> None:
    """Neither from headers nor from bodies; its first line says where it is from."""
    with Tape("faulty", folder=tmp_path).playing("one"):
        await _post(provider.anthropic_url)
    text = await asyncio.to_thread((tmp_path / "one.yaml").read_text, encoding="utf-8")
    assert text.startswith("# Recorded at the faulty provider")
    for secret in (KEY, ORGANISATION, "org-faulty", "req_faulty", "user-planted99", "127.0.0.1"):
        assert secret not in text
    assert "rate limit of org-scrubbed" in text


async def test_only_a_vendor_is_called_one(provider: FaultyProvider, tmp_path: Path) -> None:
    """The source depends on the called host, and no other address is recorded."""
    tape = Tape("vendor", openai_url="http://127.0.0.1:1", folder=tmp_path)
    assert "the vendor, api.openai.com" == tape.origin({"api.openai.com"})
    with tape.playing("one"):
        await _post(provider.anthropic_url)
    text = await asyncio.to_thread((tmp_path / "one.yaml").read_text, encoding="utf-8")
    assert text.startswith("# Recorded at another server than the vendor's")
    assert "127.0.0.1" not in text


async def test_what_was_not_recorded_fails(tmp_path: Path) -> None:
    """Without a cassette, or with another request, the call fails and is not sent."""
    with (
        Tape(None, folder=tmp_path).playing("none"),
        pytest.raises(NotRecordedError),
    ):
        await _post("https://api.vendor.invalid")
