"""Take secrets out of what is logged or shown.

Three nets, because each has holes: the literal values of the secrets in the settings, the names of
fields that hold secrets, and the shapes of well-known credentials in any text.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from json import dumps
from typing import Final, TypeAlias
from urllib.parse import quote, quote_plus

from pydantic import SecretBytes, SecretStr

__all__ = ["MASK", "Plain", "Redactor", "in_base64", "secret_values"]

MASK: Final = "**********"
"""Replaces a secret; the same text that `SecretStr` shows."""

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
"""A value that JSON can hold."""

# A shorter literal would be found in innocent text everywhere.
_SHORTEST_SECRET = 4
_SHORTEST_BASE64 = 8
_SHORT = 64
_DEEPEST = 8
_WIDEST = 2**63 - 1
_PLAIN = (float, bool, type(None))
_URL_SAFE: Final = str.maketrans("+/", "-_")

_Container: TypeAlias = Mapping[object, object] | Sequence[object] | AbstractSet[object]
_CONTAINERS = (Mapping, Sequence, AbstractSet)
_TEXT_LIKE = (bytes, bytearray, memoryview, range)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_WORDS = frozenset({
    "apikey", "auth", "authorization", "bearer", "cookie", "cookies", "credential", "credentials",
    "jwt", "passphrase", "passwd", "password", "passwords", "pwd", "secret", "secrets",
})  # fmt: skip
_SECRET_ENDS = tuple(f" {end}" for end in (
    "token", "access tokens", "api tokens", "auth tokens", "bearer tokens", "refresh tokens",
    "session tokens", "api key", "api keys", "access key", "access keys", "private key",
    "private keys", "signing key", "encryption key",
))  # fmt: skip
# `password_length` and `secrets_found` are numbers about secrets.
_MEASURES = frozenset({
    "bytes", "count", "found", "length", "limit", "ms", "seconds", "size", "total", "used",
})  # fmt: skip

_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
# What stands between a name and its value in `name=value`, `"name": "value"`, `('name', 'value')`.
_BETWEEN = r"b?[\"']?\s*(?:[=:,]\s*b?(?=[\"'])|=(?!=)\s*(?=[^\s\"'])|:\s*(?=[^\s\"']))"

# What the first group has is kept, and the rest of the match is masked.
_SHAPES: Final = tuple(map(re.compile, (
    # Keys with a known prefix.
    (r"()(?<![A-Za-z0-9])"
     r"(?:sk-|[sr]k_(?:live|test)_|pcsk_|github_pat_|glpat-|xox[abeoprs]-|AIza)[A-Za-z0-9_-]{8,}"),
    r"()(?<![A-Za-z0-9])(?:(?:gh[pousr]_|hf_|gsk_|xai-)[A-Za-z0-9]{16,}|A[KS]IA[A-Z0-9]{12,})",
    # HTTP authentication: RFC 6750 and RFC 7617.
    r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{6,}",
    r"(?i)(\bbasic\s+)(?-i:(?=[a-z/+]*[A-Z0-9=]))[A-Za-z0-9+/]{8,}={0,2}",
    # The password in a URL, or a token in the user's place: RFC 3986, section 3.2.1.
    r"(://[^\s#/?:@]*:)[^\s#/?]+(?=@)",
    r"(://)[^\s#/?:@]{20,}(?=@)",
    # JSON Web Tokens (RFC 7519), and private keys in PEM (RFC 7468).
    # Within a longer run the first part has a bound, or many such parts would take very long.
    (r"()(?:(?<![\w-])eyJ[A-Za-z0-9_-]{5,}+|\beyJ[A-Za-z0-9_-]{5,200})"
     r"\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*"),
    r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|\Z)",
    # Headers, up to the end of the line or of the quotes.
    rf"(?i)((?:authorization|cookie){_BETWEEN})(?:{_QUOTED}|[^\r\n\"']+)",
    (r"(?i)((?:(?:api|access|private)[_-]?key|token|secret|passwo?r?d|pwd|passphrase)"
     rf"{_BETWEEN})(?:{_QUOTED}|[^\s&;,\"'(){{}}]+)"),
)))  # fmt: skip


def secret_values(settings: object) -> frozenset[str]:
    """Return the plain values of all secrets among the settings, also of those in mappings."""
    return frozenset(secret for value in vars(settings).values() for secret in _secrets(value))


def _secrets(value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, SecretBytes):
        yield value.get_secret_value().decode("utf-8", "replace")
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)


def in_base64(secret: str) -> Iterator[str]:
    """Yield what is certain of the base64 (RFC 4648) of any text that has the secret in it.

    HTTP's basic scheme sends such a text.
    """
    data = secret.encode()
    for before in range(3):
        encoded = b64encode(bytes(before) + data).decode().rstrip("=")
        # The first and the last character may have bits of what stands beside the secret.
        inner = encoded[(0, 2, 3)[before] : len(encoded) - ((before + len(data)) % 3 > 0)]
        yield inner
        yield inner.translate(_URL_SAFE)


class Redactor:
    """Replaces secrets by `MASK`.

    Args:
        secrets: literal values to take out wherever they occur, also in their URL, JSON, base64
            and Python notations.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        notations = {
            notation
            for secret in secrets
            if len(secret) >= _SHORTEST_SECRET
            for notation in (
                secret,
                quote(secret),
                quote(secret, safe=""),
                quote_plus(secret),
                dumps(secret)[1:-1],
                dumps(secret, ensure_ascii=False)[1:-1],
                repr(secret)[1:-1],
                *(text for text in in_base64(secret) if len(text) >= _SHORTEST_BASE64),
            )
        }
        # A secret that contains another goes first, or the rest of it would remain.
        self._literals = tuple(sorted(notations, key=lambda text: (-len(text), text)))
        # Names, events, routes and most other values of a log come again and again.
        self._seen_before = lru_cache(maxsize=4_096)(self.text)
        self._name = lru_cache(maxsize=2_048)(lambda name: (self.text(name), _names_secret(name)))

    def known(self, text: str) -> str:
        """Return the text without the secrets that were given."""
        for literal in self._literals:
            if literal in text:
                text = text.replace(literal, MASK)
        return text

    def text(self, text: str) -> str:
        """Return the text without secrets, given or of a known shape."""
        text = self.known(text)
        for shape in _SHAPES:
            text = shape.sub(rf"\1{MASK}", text)
        return text

    def fields(self, fields: Mapping[str, object], depth: int = 0) -> dict[str, Plain]:
        """Return fields without secrets, in names and in values, as what JSON can say.

        Args:
            fields: their values by their names.
            depth: how deep in other fields they are.
        """
        plain: dict[str, Plain] = {}
        for name, value in fields.items():
            shown, secret = self._name(name)
            plain[shown] = MASK if secret and value is not None else self.value(value, depth)
        return plain

    def value(self, value: object, depth: int = 0) -> Plain:
        """Return any value without secrets, as what JSON can say."""
        if isinstance(value, str):
            return self._seen_before(value) if len(value) <= _SHORT else self.text(value)
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, int) and -_WIDEST <= value <= _WIDEST:
            return int(value)
        if isinstance(value, _CONTAINERS) and not isinstance(value, _TEXT_LIKE):
            return self._container(value, depth + 1)
        return self.text(_shown(value))

    def _container(self, value: _Container, depth: int) -> Plain:
        if depth > _DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return self.fields({_shown(key): item for key, item in value.items()}, depth)
        return [self.value(item, depth) for item in value]


def _shown(value: object) -> str:
    """Return the value as text, whatever its class makes of that."""
    try:
        return str(value)
    except Exception as exc:  # noqa: BLE001 - what is logged must never stop what is done
        return f"<{type(value).__name__}: {type(exc).__name__}>"


def _names_secret(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _MEASURES:
        return False
    return not _SECRET_WORDS.isdisjoint(words) or f" {' '.join(words)}".endswith(_SECRET_ENDS)
