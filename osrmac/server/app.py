"""The web application: its pages, its API, and what every request passes through."""

from __future__ import annotations

from functools import partial
from importlib.resources import files

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from osrmac.server.api import endpoints as api
from osrmac.server.pages import browse, downloads, duplicates, groups, picture_files, search, token
from osrmac.server.pages.failures import HANDLERS
from osrmac.server.protection.access import Access, AccessMiddleware
from osrmac.server.protection.limits import BodyLimit
from osrmac.server.site import Site
from osrmac.table_files import SPREADSHEETS

__all__ = ["create_app"]

_STYLES = (
    ("osrmac.pages", "templates/style.css"),
    ("osrmac.server", "static/server.css"),
    ("osrmac.server", "static/map.css"),
)


def create_app(site: Site, access: Access) -> Starlette:
    """Return the web application.

    Args:
        site: What all requests share.
        access: What a request must have to be answered.
    """
    app = Starlette(
        routes=[
            Route("/", browse.home),
            Route("/search", search.search, methods=["GET"]),
            Route("/search", search.upload, methods=["POST"]),
            Route("/compare", search.compare),
            Route("/images", browse.images),
            *(Route(f"/search{suffix}", partial(downloads.search_table, suffix)) for suffix in SPREADSHEETS),
            Route("/groups", groups.groups),
            Route("/group", groups.group),
            Route("/outliers", groups.outliers),
            Route("/map", groups.map_page),
            Route("/duplicates", duplicates.duplicates),
            Route("/picture", picture_files.picture),
            Route("/token", token.ask, methods=["GET"]),
            Route("/token", token.check, methods=["POST"]),
            Route("/api/search", api.search, methods=["GET"]),
            Route("/api/search", api.search_with, methods=["POST"]),
            Route("/api/images", api.images),
            Route("/api/map", groups.map_points),
            Route("/api/openapi.json", api.openapi),
            Route("/static/style.css", _style),
            Mount("/static", StaticFiles(packages=[("osrmac.server", "static")])),
        ],
        middleware=[Middleware(AccessMiddleware, access=access), Middleware(BodyLimit, size=site.max_body)],
        exception_handlers=HANDLERS,
    )
    app.state.site, app.state.access = site, access
    return app


async def _style(_request: Request) -> Response:
    """Return the styles of all pages, which reports share."""
    text = "\n".join((files(package) / name).read_text("utf-8") for package, name in _STYLES)
    return Response(text, media_type="text/css", headers={"Cache-Control": "no-cache"})
