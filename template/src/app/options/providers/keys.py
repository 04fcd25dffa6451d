"""Shared by the settings of all vendors: addresses, and keys that requests can carry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import StringConstraints

from app.options.providers.settings import CallSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import SecretStr

    from app.config.settings import Settings

__all__ = ["Url", "key_problems", "named_models"]

# Anything else could not be sent in a header.
_KEY = re.compile(r"[!-~]+")

Url = Annotated[str, StringConstraints(pattern=r"^https?://\S+$", min_length=8, max_length=2_000)]


def named_models(settings: Settings) -> list[tuple[str, str]]:
    """Return the variables that name models, each with the model."""
    calls = settings.group(CallSettings)
    return [
        ("APP_DEFAULT_MODEL", settings.default_model),
        ("APP_EMBEDDING_MODEL", settings.embedding_model),
        *(("APP_FALLBACK_MODELS", name) for name in calls.fallback_models),
    ]


def key_problems(
    provider: str,
    key: SecretStr | None,
    base_url: str,
    models: Iterable[tuple[str, str]],
) -> Iterator[str]:
    """Yield a line where the key can be none, or where a model needs one that is not set.

    Only the vendor's own servers, those below `<provider>.com`, need a key.

    Args:
        provider: as the names of its models begin, such as `openai`.
        key: of the setting `<PROVIDER>_API_KEY`.
        base_url: where the server is.
        models: the models that are named, each with the variable that names it.
    """
    variable = f"{provider.upper()}_API_KEY"
    if key:
        if not _KEY.fullmatch(key.get_secret_value()):
            yield f"{variable}: must be visible ASCII characters without spaces"
        return
    if not f".{urlsplit(base_url).hostname}".endswith(f".{provider}.com"):
        return
    for named_by, name in models:
        if name.startswith(f"{provider}:"):
            yield f"{variable}: {named_by} ({name}) needs it, and it is not set"
            return
