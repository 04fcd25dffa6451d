"""Redaction of logs: secrets and control characters."""

from __future__ import annotations

import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections import OrderedDict, deque
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretBytes, SecretStr

from gwkit.logging.redaction import MASK, Redactor, secret_values
from gwkit.text.characters import escape_controls, escape_json

if TYPE_CHECKING:
    from collections.abc import Callable


class Secrets(BaseModel):
    """Some settings."""

    key: SecretStr = SecretStr("s3cret")
    raw: SecretBytes = SecretBytes(b"raw-s3cret")
    unset: SecretStr | None = None
    name: str = "open"


@pytest.mark.parametrize("before", ["", "x", "xy", "user:"])
@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
def test_a_secret_in_base64_is_masked(before: str, encode: Callable[[bytes], bytes]) -> None:
    """With any text before it, as in HTTP's basic authentication."""
    encoded = encode(f"{before}s3cret?>key~~/".encode()).decode()
    left = Redactor(["s3cret?>key~~/"]).text(f"sent {encoded} there")
    assert not any(encoded[at : at + 8] in left for at in range(4, len(encoded) - 8))
    assert left.startswith("sent ")


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "apikey",
        "apiKey",
        "X-API-Key",
        "OPENAI_API_KEY",
        "authorization",
        "Proxy-Authorization",
        "auth",
        "token",
        "access_token",
        "refreshToken",
        "api_tokens",
        "password",
        "db_password",
        "passwd",
        "client_secret",
        "secret",
        "cookie",
        "Set-Cookie",
        "cookies",
        "private_key",
        "credentials",
        "jwt",
    ],
)
def test_fields_that_hold_secrets_are_masked(name: str) -> None:
    """The name decides, at any depth, for any value."""
    redactor = Redactor()
    assert MASK == redactor.fields({name: "x"})[name]
    assert MASK == redactor.fields({name: {"nested": 1}})[name]
    assert {"a": [{name: MASK}]} == redactor.value({"a": [{name: ["x", "y"]}]})
    assert redactor.fields({name: None})[name] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", 12),
        ("prompt_tokens", 12),
        ("max_tokens", 1_024),
        ("token_count", 3),
        ("first_token_ms", 3.5),
        ("tokens_used", 9),
        ("password_length", 8),
        ("key", "a"),
        ("keys", ["a"]),
        ("author", "Ada"),
        ("authority", "example.org"),
        ("secretary", "Bob"),
        ("tokenizer", "porter"),
        ("monkey", "x"),
        ("document", "docs/token.md"),
    ],
)
def test_fields_that_only_sound_alike_are_kept(name: str, value: object) -> None:
    """Counts and similar names stay readable."""
    assert value == Redactor().fields({name: value})[name]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-abcdefgh12345678 refused", "sk-abcdefgh12345678"),
        ("sk-ant-api03-Abc_def-123456", "Abc_def"),
        ("sk-proj-AbC123_456-789", "AbC123"),
        ("pcsk_1234567890abcdef", "pcsk_1234567890abcdef"),
        ("ghp_0123456789abcdef0123456789abcdef0123", "ghp_0123"),
        ("github_pat_11ABCDEFG0123456789", "11ABCDEFG"),
        ("glpat-abcdefghij0123456789", "abcdefghij"),
        ("xoxb-123456789012-abcdef", "123456789012"),
        ("AIzaSyA-1234567890abcdefghijklmnopqrstu", "SyA-1234"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("hf_abcdefghijklmnopqrst", "abcdefghij"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnbmF0dXJl"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("bearer  opaque-value-1", "opaque"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'Authorization': 'Token abc'}", "abc"),
        ('{"cookie": "session=abc; other=def"}', "def"),
        ("Cookie: session=abc; other=def", "def"),
        ("[(b'authorization', b'Custom abc'), (b'accept', b'*/*')]", "abc"),
        ("[(b'x-api-key', b'abc')]", "abc"),
        ("postgresql://user:p@ss:w0rd@db:5432/x", "w0rd"),
        ("redis://:hunter2@cache/0", "hunter2"),
        ("https://0123456789abcdef0123@example.org/x.git", "0123456789abcdef"),
        ("GET /v1?api_key=abc&k=3 HTTP/1.1", "abc"),
        ("GET /v1?access_token=abc HTTP/1.1", "abc"),
        ("password=hunter2", "hunter2"),
        ("password = hunter2", "hunter2"),
        ("password: hunter2", "hunter2"),
        ('{"password": "hunter\\"2", "user": "u"}', 'hunter\\"2'),
        ("APP_CLIENT_SECRET='hunter2'", "hunter2"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc", "MIIabc"),
    ],
)
def test_well_known_shapes_are_masked_in_any_text(text: str, secret: str) -> None:
    """In any field or message."""
    redacted = Redactor().text(text)
    assert secret not in redacted
    assert MASK in redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("GET /v1?api_key=abc&k=3 HTTP/1.1", "&k=3 HTTP/1.1"),
        ("postgresql://user:pw@db:5432/x", "postgresql://user:**********@db:5432/x"),
        ('{"password": "pw", "user": "u"}', '"user": "u"}'),
        ("[(b'authorization', b'Custom abc'), (b'accept', b'*/*')]", "(b'accept', b'*/*')]"),
        ("a\nCookie: x=1; y=2\nHost: h", "\nHost: h"),
    ],
)
def test_what_stands_around_a_secret_is_kept(text: str, kept: str) -> None:
    """The context of a secret stays readable."""
    assert kept in Redactor().text(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "task-abcdefghijkl and risk-assessment",
        "the basic understanding of things",
        "basic, bearer, and other schemes",
        "http://127.0.0.1:8000/docs?mode=hybrid",
        "https://example.org/@someone/post",
        "max_tokens=1024 prompt_tokens: 17",
        "ASIA-Pacific and hf_hub_download",
        "if token == expected",
        "a token, a secret, a key",
        "guide/token-limits.md",
        "Ärger mit Schlüsseln 🔑",
    ],
)
def test_innocent_text_is_kept(text: str) -> None:
    """Text that only resembles a secret is not masked."""
    assert text == Redactor().text(text)


def test_secrets_of_the_settings_are_masked_wherever_they_are() -> None:
    """Plain, in a URL, in JSON, in a Python literal, in a key, within a longer word."""
    secret = 'pä ss/"w\\rd'
    redactor = Redactor([secret])
    notations = [secret, quote(secret), quote(secret, safe=""), json.dumps(secret), repr(secret)]
    for notation in notations:
        assert MASK in redactor.text(f"before{notation}after")
    assert {MASK: f"x{MASK}y"} == redactor.value({secret: f"x{secret}y"})


def test_a_secret_within_a_secret_goes_whole() -> None:
    """The longer one is removed first."""
    assert MASK == Redactor(["short", "short-and-long"]).text("short-and-long")


def test_a_very_short_secret_does_not_mask_everything() -> None:
    """Three letters occur in any text."""
    assert "an abcissa" == Redactor(["abc"]).text("an abcissa")


def test_the_secrets_of_settings_are_found() -> None:
    """Text and bytes are found; unset ones have no value."""
    assert {"s3cret", "raw-s3cret"} == secret_values(Secrets())


class Loud:
    """An object whose text holds a secret."""

    def __repr__(self) -> str:
        return "Loud(password='hunter2')"


class Broken:
    """An object that has no text."""

    def __str__(self) -> str:
        raise KeyError("no")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (None, None),
        (2**63 - 1, 2**63 - 1),
        (2**64, "18446744073709551616"),
        (1.5, 1.5),
        (Path("a/b"), "a/b"),
        (b"bytes", "b'bytes'"),
        (range(3), "range(0, 3)"),
        ((1, "a"), [1, "a"]),
        ({1}, [1]),
        (deque([1]), [1]),
        (OrderedDict({1: {2: 3}}), {"1": {"2": 3}}),
        (SecretStr("x"), MASK),
        (Loud(), f"Loud(password={MASK})"),
        ([Broken()], ["<Broken: KeyError>"]),
        (ValueError("sk-abcdefgh1234"), MASK),
    ],
)
def test_any_value_becomes_plain(value: object, expected: object) -> None:
    """Values become those of JSON, without secrets; nothing raises."""
    plain = Redactor().value(value)
    assert expected == plain
    assert type(expected) is type(plain)


def test_a_value_within_itself_ends() -> None:
    """Depth is bounded."""
    loop: dict[str, object] = {}
    loop["again"] = loop
    assert "…" in json.dumps(Redactor().value(loop), ensure_ascii=False)


@given(st.text(max_size=300), st.text(max_size=300))
def test_a_known_secret_never_remains(before: str, after: str) -> None:
    """Within any text."""
    secret = "canary-4711-canary"
    assert secret not in Redactor([secret]).text(f"{before}{secret}{after}")


@given(st.text(max_size=300))
def test_escaped_text_is_one_harmless_line(text: str) -> None:
    """No line end, terminal code or direction mark remains."""
    escaped = escape_controls(text)
    assert 1 >= len(escaped.splitlines())
    assert not set(escaped) & {*map(chr, range(32)), "\x7f", "\x9b", "\u202e", "\u2066", "\u200f"}
    escaped.encode()


@given(st.text())
def test_escaped_json_means_the_same(text: str) -> None:
    """It parses to the same value, and is one line without control characters."""
    document = json.dumps({"text": text}, ensure_ascii=False)
    escaped = escape_json(document)
    assert json.loads(document) == json.loads(escaped)
    assert [escaped] == escaped.splitlines()
    assert not set(escaped) & {"\x7f", "\x9b", "\u202e", "\u2066", "\u200b", "\U000e0041"}


def test_escapes_can_be_read() -> None:
    """Each character is shown as in Python, and other text is unchanged."""
    assert r"a\nb\x1b[2J\u202e\x9b é 🔑 \ud800" == escape_controls(
        "a\nb\x1b[2J\u202e\x9b é 🔑 \ud800"
    )


@pytest.mark.parametrize(
    "text",
    [
        "token" * 20_000,
        "token " * 20_000,
        "token" + " " * 100_000,
        'password="' + "\\" * 100_000,
        "://" * 30_000,
        "://a:" + "b" * 100_000,
        "basic " + "a" * 100_000,
        "eyJaaaaa." * 10_000,
        "-----BEGIN PRIVATE KEY-----" * 3_000,
        "cookie=" * 15_000,
        "sk-" * 30_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_takes_no_longer(text: str) -> None:
    """The patterns are linear: a hundred kilobytes take well under a second."""
    start = time.process_time()
    Redactor(["canary"]).text(text)
    assert time.process_time() - start < 1
