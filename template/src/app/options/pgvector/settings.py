"""The settings of the store in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field, SecretStr, StringConstraints

from app.config.groups import SettingsGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.config.settings import Settings

__all__ = ["PgvectorSettings"]

_SCHEMES: Final = ("postgresql://", "postgres://")


class PgvectorSettings(SettingsGroup):
    """PostgreSQL with pgvector."""

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_URL",
        examples=["postgresql://user:password@127.0.0.1:5432/service"],
    )
    """Address of the database; required where APP_VECTOR_STORE is `pgvector`, or APP_SHARED_LIMITS
    is `postgresql`."""

    pgvector_schema: Annotated[
        str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", min_length=1, max_length=50)
    ] = "service_index"
    """Schema with the tables of the index; made if it does not exist. It holds nothing else. Shared
    limits have theirs in a second one, with `_limits` at the end of its name."""

    pgvector_connections: int = Field(default=8, ge=1, le=1_000)
    """Most connections of a process to the database."""

    pgvector_timeout_seconds: float = Field(default=20.0, gt=0, le=600)
    """Longest time of a statement, and longest wait for a connection, in seconds."""

    def problems(self, settings: Settings) -> Iterator[str]:
        """Yield what is wrong with the address, if it is used."""
        if settings.vector_store == "pgvector":
            user = "APP_VECTOR_STORE (pgvector)"
        elif settings.shared_limits == "postgresql":
            user = "APP_SHARED_LIMITS (postgresql)"
        else:
            return
        if self.database_url is None:
            yield f"DATABASE_URL: {user} needs it, and it is not set"
        elif not self.database_url.get_secret_value().startswith(_SCHEMES):
            yield f"DATABASE_URL: must begin with {_SCHEMES[0]}"
