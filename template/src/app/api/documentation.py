"""What the OpenAPI description says beside the routes themselves."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from app.api.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from typing import Any

__all__ = ["DESCRIPTION", "TAGS", "DocumentedApp", "problems"]

DESCRIPTION: Final = """\
Answers questions over your documents, with citations.

Errors are problem details (RFC 9457): `code` tells a program what went wrong, `detail` a person.
Every answer has an `X-Request-ID`, the one that was sent if it was well-formed; the log has it on
every line of that request.
"""

TAGS: Final = [
    {"name": "answers", "description": "Questions, answered from the documents with citations."},
    {"name": "search", "description": "The chunks that fit a query, best first."},
    {"name": "documents", "description": "What the index holds: add, list, remove."},
    {"name": "operations", "description": "For orchestrators and scrapers; no limits apply."},
]

_REFERENCE: Final = "#/components/schemas/"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of error answers, for a route's or router's `responses`."""
    schema = {"schema": {"$ref": f"{_REFERENCE}{Problem.__name__}"}}
    return {
        status: {"description": responses[status], "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }


class DocumentedApp(FastAPI):
    """A FastAPI application whose description has the schema of `Problem`."""

    def openapi(self) -> dict[str, Any]:
        """Return the description; FastAPI keeps it until the routes change."""
        description = super().openapi()
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        if Problem.__name__ not in schemas:
            schema = Problem.model_json_schema(ref_template=f"{_REFERENCE}{{model}}")
            schemas |= schema.pop("$defs", {})
            schemas[Problem.__name__] = schema
        return description
