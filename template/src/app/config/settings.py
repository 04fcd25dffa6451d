"""Every setting of the service, with its type, range, default and meaning.

`.env.example` and the configuration reference are made from these fields, one section per group.
Options and extensions register groups of their own, which `compose_settings` adds to these.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, Field, StringConstraints, model_validator
from pydantic_settings import SettingsConfigDict

from app.config.access import AccessSettings
from app.config.groups import ENV_PREFIX, SERVICE_NAME, SERVICE_TITLE, ModelName, SettingsGroup
from app.config.paths import UserPath
from app.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "AnswerSettings",
    "IndexSettings",
    "Language",
    "LimitSettings",
    "LogFormat",
    "LogLevel",
    "LoggingSettings",
    "ServiceSettings",
    "Settings",
    "compose_settings",
]

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["auto", "console", "json"]

Language = Literal[
    "auto", "ar", "ca", "da", "de", "el", "en", "es", "et", "eu", "fi", "fr", "ga", "hi", "hu",
    "hy", "id", "it", "lt", "ne", "nl", "no", "pl", "pt", "ro", "ru", "sr", "sv", "ta", "tr", "yi",
]  # fmt: skip

_Group = TypeVar("_Group", bound=SettingsGroup)


class ServiceSettings(SettingsGroup):
    """The service."""

    service_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = SERVICE_NAME
    """Name of the service in its API description and on its log lines."""

    host: Annotated[str, StringConstraints(pattern=r"^\S+$", min_length=1, max_length=253)] = (
        "127.0.0.1"
    )
    """Address to listen on."""

    port: int = Field(default=8000, ge=0, le=65_535)
    """Port to listen on; 0 takes any."""

    shutdown_grace_seconds: float = Field(default=10.0, gt=0, le=300)
    """How long a stopping server lets running requests finish, in seconds."""

    @property
    def service_title(self) -> str:
        """The name for people, unless a setting gives the service another name."""
        return SERVICE_TITLE if self.service_name == SERVICE_NAME else self.service_name


class LoggingSettings(SettingsGroup):
    """Logging."""

    log_level: Annotated[LogLevel, BeforeValidator(str.upper)] = "INFO"
    """Least severe level that is logged."""

    log_format: Annotated[LogFormat, BeforeValidator(str.lower)] = "auto"
    """`console` for people, `json` for machines, `auto` decides by the terminal."""

    log_file: UserPath | None = Field(default=None, examples=["var/service.log"])
    """File to log to as well, as JSON lines; none by default."""

    log_file_max_bytes: int = Field(default=10_000_000, ge=10_000, le=10_000_000_000)
    """Size at which the log file is rotated, in bytes."""

    log_file_backups: int = Field(default=5, ge=1, le=100)
    """Rotated log files that are kept."""

    log_content: bool = False
    """Log the prompts and the replies of models, and record them in traces. They hold what people
    asked and what documents say."""


class IndexSettings(SettingsGroup):
    """The index."""

    index_path: UserPath = Path("var/index.sqlite")
    """The index file."""

    vector_store: str = Field(default="sqlite", min_length=1, max_length=40)
    """Store of the index."""

    samples_path: UserPath = Path("data/samples")
    """Documents that `make run` ingests while the index is empty."""

    language: Language = "auto"
    """Language of the documents, by its rules words are stemmed and function words left out;
    `auto` takes the rules of English for Latin letters, and for other scripts what suits most of
    their languages. Another language needs another index: `python -m app ingest --rebuild PATH`."""

    chunk_tokens: int = Field(default=256, ge=32, le=8_192)
    """Most tokens in a chunk (estimated)."""

    chunk_overlap_tokens: int = Field(default=32, ge=0, le=4_096)
    """Tokens that neighbouring chunks share, at most; at most half a chunk."""

    max_document_bytes: int = Field(default=50_000_000, ge=1_000, le=10_000_000_000)
    """Largest document that is read, and most text that one may hold, in bytes."""

    parse_timeout_seconds: float = Field(default=60.0, gt=0, le=3_600)
    """Longest time that one document may take to parse, in seconds; for PDF, DOCX, HTML, Markdown
    above 10 kB and plain text above 100 kB."""

    parse_memory_bytes: int = Field(default=1_000_000_000, ge=200_000_000, le=100_000_000_000)
    """Most memory that parsing one such document may take, in bytes, where the system can limit
    it."""

    def problems(self, settings: Settings) -> Iterable[str]:
        """Return what does not fit together: overlaps are at most half a chunk."""
        _ = settings
        if self.chunk_overlap_tokens > self.chunk_tokens // 2:
            yield (
                f"{ENV_PREFIX}CHUNK_OVERLAP_TOKENS ({self.chunk_overlap_tokens}) must be at most "
                f"half of {ENV_PREFIX}CHUNK_TOKENS ({self.chunk_tokens})"
            )


class AnswerSettings(SettingsGroup):
    """Retrieval and answers."""

    top_k: int = Field(default=6, ge=1, le=100)
    """Chunks that an answer may draw on."""

    min_grounding: float = Field(default=0.45, ge=0, le=1)
    """Share of a question's content words, by their rarity, that its evidence must contain; below
    it the answer is that the documents do not say."""

    max_evidence_tokens: int = Field(default=8_000, ge=100, le=1_000_000)
    """Most tokens of retrieved text in a prompt (estimated); more is left out."""

    context_tokens: int | None = Field(default=None, ge=500, le=10_000_000, examples=["128000"])
    """Most tokens of a prompt and its answer together (estimated); as many as the model takes by
    default, where that is known."""

    orchestration: str = Field(default="native", min_length=1, max_length=40)
    """What takes a question through the steps to its answer."""

    default_model: ModelName = "offline:extractive"
    """Chat model, in the form `provider:model`."""

    embedding_model: ModelName = "offline:none"
    """Embedding model, in the form `provider:model`. Without one, `offline:none`, the service
    searches by words alone."""

    answer_prompt: str = Field(default="answer.v1", min_length=1, max_length=60)
    """Prompt that chat models get; `python -m app config` lists all."""

    rewrite_prompt: str | None = Field(
        default=None, min_length=1, max_length=60, examples=["rewrite.v1"]
    )
    """Prompt with which the chat model makes a question of its own out of a follow-up, in one more
    call; by default written rules do."""

    citations: Literal["mark", "refuse", "off"] = "mark"
    """What to do with an answer that has quotes, numbers, dates or names which the passages that it
    cites do not have: `mark` the sentences, `refuse` the answer, or `off`, which does not look."""

    reranker: str | None = Field(
        default=None, min_length=1, max_length=200, examples=["team-reranker"]
    )
    """Reranker of what a search finds; none by default."""

    max_tokens: int = Field(default=1_024, ge=1, le=1_000_000)
    """Most tokens in an answer."""

    temperature: float | None = Field(default=None, ge=0.0, le=2.0, examples=["0.0"])
    """Sampling temperature of the chat model; its own by default, for some models admit no
    other."""


class LimitSettings(SettingsGroup):
    """Flags and limits."""

    enable_caching: bool = False
    """Keep answers in memory until something they depend on changes."""

    answer_cache_size: int = Field(default=1_000, ge=1, le=1_000_000)
    """Answers kept while caching is on."""

    enable_streaming: bool = True
    """Serve `"stream": true` as server-sent events."""

    timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    """Longest time that a request may take, in seconds."""

    max_body_bytes: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)
    """Largest JSON request body, in bytes."""


# Pydantic takes the fields of the last base first, so the groups stand here from last to first.
class Settings(
    AccessSettings,
    LimitSettings,
    AnswerSettings,
    IndexSettings,
    LoggingSettings,
    ServiceSettings,
):
    """The current settings.

    Made directly, they come from the arguments alone; a process takes them from
    `app.wiring.load_settings`, which reads the environment and `.env`.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        # Beside their usual names in the environment, vendors' keys have those of the fields.
        validate_by_name=True,
        validate_by_alias=True,
    )

    def group(self, kind: type[_Group]) -> _Group:
        """Return the settings as those of a group, which an option or extension registered.

        Raises:
            TypeError: no such group is registered.
        """
        if not isinstance(self, kind):
            msg = f"the settings group {kind.__name__} is not registered"
            raise TypeError(msg)
        return self

    @model_validator(mode="after")
    def _check_groups(self) -> Self:
        """Refuse values that do not fit each other.

        Each line names its variables, for the report leaves it out where one is known to be wrong.

        Raises:
            ValueError: the lines.
        """
        groups = [kind for kind in type(self).__mro__ if "problems" in vars(kind)]
        problems = [line for kind in groups for line in vars(kind)["problems"](self, self)]
        if problems:
            raise ValueError("\n".join(problems))
        return self


@cache
def compose_settings(groups: tuple[type[SettingsGroup], ...]) -> type[Settings]:
    """Return the settings with further groups, whose fields come after the service's own.

    Raises:
        ConfigError: two groups have a field of the same name.
    """
    owners = dict.fromkeys(Settings.model_fields, "the service")
    for group in groups:
        for name in group.model_fields:
            if (other := owners.get(name)) is not None:
                raise ConfigError(f"{group.__module__} and {other} both have the setting {name!r}")
            owners[name] = group.__module__
    return type("Settings", (*reversed(groups), Settings), {"__doc__": Settings.__doc__})
