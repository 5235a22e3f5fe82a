"""Pages of the web application from templates, and what requests for them share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse

from osrmac.pages.rendering import templates
from osrmac.runs.open_run import OpenRun
from osrmac.server.addresses import SearchAddress
from osrmac.server.site import Site

__all__ = ["Linked", "current_run", "linked", "page", "root", "site"]


@dataclass(frozen=True)
class Linked:
    """An image, and the address of the search for it."""

    id: str
    address: SearchAddress


_TEMPLATES = templates("osrmac.server")


def linked(images: Iterable[str]) -> list[Linked]:
    """Return images with the searches for them."""
    return [Linked(image, SearchAddress(image=image)) for image in images]


def site(request: Request) -> Site:
    """Return what all requests share."""
    found: Site = request.app.state.site
    return found


async def current_run(request: Request) -> OpenRun:
    """Return the run in its present state. A thread waits while the run is opened again, which may take seconds.

    Raises:
        StorageError: The run is being pruned, or cannot be read any more.
    """
    return await run_in_threadpool(site(request).current.get)


def root(request: Request) -> str:
    """Return the path below which the pages are, without a slash at its end."""
    path: str = request.scope.get("root_path", "")
    return path.rstrip("/")


def page(request: Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:
    """Return a page.

    Args:
        request: Request to answer.
        template: File name of the template.
        status: Status of the answer.
        values: Variables of the template.
    """
    shared = {"root": root(request), "site": site(request), "here": request.url.path}
    text = _TEMPLATES.get_template(template).render(**shared, **values)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})
