"""The request id: one per request, on every log line of that request.

`gwkit.http.middleware` binds it as one of structlog's context variables, so tasks inherit it, and
so do `asyncio.to_thread`, `anyio.to_thread.run_sync` and `gwkit.executor.BoundedExecutor`. Another
executor runs its jobs in an empty context: hand it `contextvars.copy_context().run` and the job.
"""

from __future__ import annotations

from structlog.contextvars import get_contextvars

__all__ = ["request_id"]


def request_id() -> str:
    """Return the id of the request that is being served here, empty outside of any."""
    return str(get_contextvars().get("request_id", ""))
