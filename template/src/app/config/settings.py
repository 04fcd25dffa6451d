"""Every setting of the service, with its type, range, default and meaning.

The environment is read here and nowhere else. `.env.example` and the configuration reference are
made from these fields.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["ENV_PREFIX", "LogFormat", "LogLevel", "Settings"]

ENV_PREFIX = "APP_"

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["auto", "console", "json"]


class Settings(BaseSettings):
    """The settings in force, from `APP_…` variables and `.env`; unknown ones are refused."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # The service
    service_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = Field(
        default="groundwork-service",
        description="Name of the service in its API description and on its log lines.",
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port to listen on; 0 takes any.")
    shutdown_grace_seconds: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="How long a stopping server lets running requests finish, in seconds.",
    )

    # Logging
    log_level: LogLevel = Field(default="INFO", description="Least severe level that is logged.")
    log_format: LogFormat = Field(
        default="auto",
        description="`console` for people, `json` for machines, `auto` decides by the terminal.",
    )
    log_file: Path | None = Field(
        default=None, description="File to log to as well, as JSON lines; none by default."
    )
    log_file_max_bytes: int = Field(
        default=10_000_000,
        ge=10_000,
        description="Size at which the log file is rotated, in bytes.",
    )
    log_file_backups: int = Field(
        default=5, ge=1, le=100, description="Rotated log files that are kept."
    )

    # The index
    index_path: Path = Field(default=Path("var/index.sqlite"), description="The SQLite index file.")
    samples_path: Path = Field(
        default=Path("data/samples"),
        description="Documents that `make run` ingests while the index is empty.",
    )
    chunk_tokens: int = Field(
        default=256, ge=32, le=8_192, description="Most tokens in a chunk (estimated)."
    )
    chunk_overlap_tokens: int = Field(
        default=32, ge=0, le=4_096, description="Tokens that neighbouring chunks share, at most."
    )
    max_document_bytes: int = Field(
        default=50_000_000, ge=1_000, description="Largest document that is read, in bytes."
    )

    # Retrieval and answers
    top_k: int = Field(default=6, ge=1, le=100, description="Chunks that an answer may draw on.")
    min_grounding: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of a question's content words that its evidence must contain; "
        "below it the answer is that the documents do not say.",
    )
    default_model: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+:.+$")] = Field(
        default="offline:extractive", description="Chat model, in the form `provider:model`."
    )
    embedding_model: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+:.+$")] = Field(
        default="offline:hashing", description="Embedding model, in the form `provider:model`."
    )
    max_tokens: int = Field(
        default=1_024, ge=1, le=1_000_000, description="Most tokens in an answer."
    )
    temperature: float = Field(
        default=0.0, ge=0.0, le=2.0, description="Sampling temperature of the chat model."
    )

    # Flags and limits
    enable_caching: bool = Field(
        default=False, description="Keep answers in memory until something they depend on changes."
    )
    enable_streaming: bool = Field(
        default=True, description='Serve `"stream": true` as server-sent events.'
    )
    requests_per_minute: int = Field(
        default=600, ge=1, le=1_000_000, description="Requests that one client may make a minute."
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, le=600, description="Longest time that a request may take, in seconds."
    )
    max_body_bytes: int = Field(
        default=1_000_000, ge=1_000, description="Largest JSON request body, in bytes."
    )

    @model_validator(mode="after")
    def _check_fields_together(self) -> Self:
        if self.chunk_overlap_tokens > self.chunk_tokens // 2:
            msg = (
                f"{ENV_PREFIX}CHUNK_OVERLAP_TOKENS ({self.chunk_overlap_tokens}) must be at most "
                f"half of {ENV_PREFIX}CHUNK_TOKENS ({self.chunk_tokens})"
            )
            raise ValueError(msg)
        return self
