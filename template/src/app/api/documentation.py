"""Additions to the OpenAPI description: errors, events, limits and keys."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI

from gwkit.http.keys import UNLIMITED_PATHS, keyless_paths
from gwkit.http.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any  # noqa: TID251 - FastAPI types an OpenAPI document so

    from pydantic import BaseModel

__all__ = ["DESCRIPTION", "TAGS", "DocumentedApp", "event_stream", "problems"]

DESCRIPTION: Final = """\
Answers questions over your documents, with citations.

Errors are problem details (RFC 9457): `code` tells a program what went wrong, `detail` a person.
Every answer has an `X-Request-ID`, the one that was sent if it was well-formed; the log has it on
every line of that request.
"""

TAGS: Final = [
    {"name": "answers", "description": "Questions, answered from the documents with citations."},
    {"name": "search", "description": "The chunks that fit a query, best first."},
    {"name": "documents", "description": "Documents in the index: add, list, remove."},
    {"name": "operations", "description": "For orchestrators and scrapers; no limits apply."},
]

_REFERENCE: Final = "#/components/schemas/"
_KEY_SCHEME: Final = "apiKey"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of error answers, for a route's or router's `responses`."""
    schema = {"schema": {"$ref": f"{_REFERENCE}{Problem.__name__}"}}
    return {
        status: {"description": responses[status], "content": {MEDIA_TYPE: schema}}
        for status in statuses
    }


def event_stream(models: Mapping[str, type[BaseModel]]) -> dict[str, Any]:
    """Return the documentation of server-sent events, by their names and what their data is.

    `itemSchema` is of OpenAPI 3.2; readers of 3.1 see that there is a stream.
    """
    events = []
    for name, model in models.items():
        data = model.model_json_schema(ref_template=f"{_REFERENCE}{{model}}")
        data.pop("$defs", None)  # the parts of the whole answer are described with it
        text = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
        properties = {"event": {"const": name}, "data": text}
        events.append({"type": "object", "properties": properties, "required": [*properties]})
    return {"itemSchema": {"oneOf": events}}


class DocumentedApp(FastAPI):
    """A FastAPI application that describes what the layers around its routes do as well.

    The description has the schema of `Problem`, the answers of the limits and, where
    `asks_for_keys`, how a key is sent.
    """

    asks_for_keys = False
    public_metrics = False

    def openapi(self) -> dict[str, Any]:
        """Return the description; FastAPI keeps it until the routes change."""
        description = super().openapi()
        components = description.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        if Problem.__name__ not in schemas:
            schema = Problem.model_json_schema(ref_template=f"{_REFERENCE}{{model}}")
            schemas |= schema.pop("$defs", {})
            schemas[Problem.__name__] = schema
        if self.asks_for_keys:
            components["securitySchemes"] = {_KEY_SCHEME: {"type": "http", "scheme": "bearer"}}
        for path, operations in description["paths"].items():
            for method, operation in operations.items():
                self._add_limits(path, method, operation)
        return description

    def _add_limits(self, path: str, method: str, operation: dict[str, Any]) -> None:
        statuses = {421} if method == "get" else {403, 421}
        if path not in UNLIMITED_PATHS:
            statuses |= {429, 500, 503, 504}
            if "requestBody" in operation:
                statuses |= {408, 413}
        if self.asks_for_keys and path not in keyless_paths(public_metrics=self.public_metrics):
            operation["security"] = [{_KEY_SCHEME: []}]
            statuses |= {401, 429}
        found = operation["responses"]
        for status, answer in problems(*statuses).items():
            found.setdefault(str(status), answer)
        operation["responses"] = dict(sorted(found.items()))
