"""`POST /mcp`: the Model Context Protocol over streamable HTTP, without sessions.

Keys, limits and the log are those of every route. Each request is answered by itself with JSON, so
several processes can share the work, and there is nothing to keep or to clean up between requests.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any  # noqa: TID251 - the kit does not know what a service is

import structlog
from fastapi import APIRouter
from mcp import types
from mcp.server import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from pydantic import ValidationError
from starlette.requests import Request
from starlette.routing import Route

from app import __version__
from app.options.mcp_api.tools import TOOLS
from gwkit.http.middleware import open_services, unless_disconnected
from gwkit.http.problems import problem_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcp.server import ServerRequestContext
    from starlette.types import Message, Receive, Scope, Send

    from app.services import Services
    from gwkit.http.problems import ProblemRule

__all__ = ["make_router"]

_log = structlog.stdlib.get_logger(__name__)


def make_router(rules: Sequence[ProblemRule]) -> APIRouter:
    """Return a router with the endpoint.

    Args:
        rules: how each class of errors is reported.
    """
    return APIRouter(routes=[Route("/mcp", _Endpoint(rules), methods=["POST"])])


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An ASGI application: one request of the protocol, from its body to its answer."""

    rules: Sequence[ProblemRule]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or give it up when the caller hangs up."""
        request = Request(scope, receive)
        services: Any = await open_services(request)
        body = await request.body()

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        server = _Tools(services, self.rules).server()
        manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        async with manager.run():
            await unless_disconnected(request, manager.handle_request(scope, replay, send))


@dataclass(frozen=True, slots=True)
class _Tools:
    """Lists and calls the tools for one request."""

    services: Services
    rules: Sequence[ProblemRule]

    def server(self) -> Server[dict[str, object]]:
        """Return the server of the protocol."""
        return Server(
            self.services.settings.service_name,
            version=__version__,
            instructions="Answers questions over the team's documents, with citations.",
            on_list_tools=self.list,
            on_call_tool=self.call,
        )

    async def list(
        self,
        _context: ServerRequestContext[dict[str, object]],
        _params: types.PaginatedRequestParams | None,
    ) -> types.ListToolsResult:
        """Return every tool, with the schemas of its arguments and its result."""
        read_only = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=name,
                    description=tool.description,
                    input_schema=tool.request.model_json_schema(),
                    output_schema=tool.result.model_json_schema(mode="serialization"),
                    annotations=read_only,
                )
                for name, tool in TOOLS.items()
            ]
        )

    async def call(
        self, _context: ServerRequestContext[dict[str, object]], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        """Return what a tool returns; an error is for the model that called it."""
        tool = TOOLS.get(params.name)
        if tool is None:
            return _failed(f"there is no tool {params.name!r}; known: {', '.join(TOOLS)}")
        try:
            arguments = tool.request.model_validate(params.arguments or {})
        except ValidationError as exc:
            found = exc.errors()
            lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in found]
            return _failed("\n".join(lines))
        try:
            result = await tool.run(arguments, self.services)
        except Exception as exc:  # noqa: BLE001 - each is logged and reported
            return self._reported(params.name, exc)
        text = result.model_dump_json(exclude_none=True)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)],
            structured_content=result.model_dump(mode="json"),
        )

    def _reported(self, tool: str, error: Exception) -> types.CallToolResult:
        problem, _ = problem_of(error, self.rules)
        if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("tool_failed", tool=tool, code=problem.code, exc_info=error)
        elif problem.status > HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.warning("tool_failed", tool=tool, code=problem.code, error=str(error))
        return _failed(problem.detail)


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)
