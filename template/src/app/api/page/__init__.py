"""The page at `/` and the API's description at `/docs`: plain files, nothing from elsewhere.

Nothing here is built: `static/` holds what browsers get, and its `texts.js` every text of the page.
"""

from __future__ import annotations

import mimetypes
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from app.config.settings import Settings

__all__ = ["PUBLIC_PATHS", "build_routes"]

_FOLDER: Final = Path(__file__).parent
_STATIC: Final = _FOLDER / "static"
_SWAGGER: Final = ("swagger-ui-bundle.js", "swagger-ui.css")

PUBLIC_PATHS: Final = frozenset(
    ("/", *(f"/static/{name}" for name in (*_SWAGGER, *(file.name for file in _STATIC.iterdir()))))
)
"""Paths that a browser gets without a key; the page's calls of the API need one."""

_POLICY: Final = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self'; {}"
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The page makes no markup out of any text, which the browser is asked to enforce. Swagger UI does.
_PAGE_POLICY: Final = _POLICY.format(
    "style-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; "
)
_DOCS_POLICY: Final = _POLICY.format("style-src 'self' 'unsafe-inline'; ")
_HEADERS: Final = {
    "Cache-Control": "no-cache",  # asks each time, and mostly learns that nothing has changed
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class _Files(StaticFiles):
    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_HEADERS)
        return response


# All of this is read once, before there is an event loop that reading could hold up. A browser runs
# a script by its type only, and a machine's own table may have another one.
mimetypes.add_type("text/javascript", ".js")
_PAGE: Final = Template((_FOLDER / "index.html").read_text(encoding="utf-8"))
_DOCS: Final = Template((_FOLDER / "docs.html").read_text(encoding="utf-8"))
# The package brings the files of Swagger UI; no code of it is run.
_FILES: Final = _Files(directory=_STATIC, packages=[("fastapi_swagger", "resources")])


def build_routes(settings: Settings) -> list[BaseRoute]:
    """Return the routes of the page and of the description, where the settings want them."""
    routes: list[BaseRoute] = []
    if settings.enable_page or settings.enable_docs:
        routes.append(Mount("/static", _FILES))
    if settings.enable_docs:
        routes.append(Route("/docs", _document(_DOCS, settings, _DOCS_POLICY)))
    if settings.enable_page:
        routes.append(Route("/", _document(_PAGE, settings, _PAGE_POLICY)))
    elif settings.enable_docs:
        routes.append(Route("/", RedirectResponse("docs"), methods=["GET"]))
    return routes


def _document(
    template: Template, settings: Settings, policy: str
) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that answers with HTML, in which the settings' values stand."""
    values = {
        "title": escape(settings.service_title),
        "streaming": str(settings.enable_streaming).lower(),
        "docs": "" if settings.enable_docs else "hidden",
    }
    content = template.substitute(values)
    headers = _HEADERS | {"Content-Security-Policy": policy}

    async def answer(_request: Request) -> Response:
        return HTMLResponse(content, headers=headers)

    return answer
