"""The JSON API for programs: searches, and lists of images."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from osrmac.credentials import redact_all
from osrmac.server.addresses import BrowseAddress, QueryError, SearchAddress, number
from osrmac.server.api.openapi import MOST_IMAGES, MOST_MATCHES, description
from osrmac.server.pages.browse import find_images
from osrmac.server.pages.rendering import current_run, root, site
from osrmac.server.pages.search import read_upload
from osrmac.server.search import Results
from osrmac.types import Match

__all__ = ["images", "openapi", "search", "search_with"]

_TOP = 10
_IMAGES = 100


async def search(request: Request) -> Response:
    """Search with an image of the run."""
    values, searcher = request.query_params, site(request).searcher
    address = SearchAddress.of(values, site(request).columns)
    top = number(values, "top", _TOP, MOST_MATCHES)
    return _answer(request, await searcher.results(address, top * (address.page - 1), top), top * (address.page - 1))


async def search_with(request: Request) -> Response:
    """Search with the picture in the body, which is forgotten with the answer."""
    values, searcher = request.query_params, site(request).searcher
    address = SearchAddress.of(values, site(request).columns)
    upload = await read_upload(request)
    if upload is None:
        raise QueryError("send a picture as the body of the request, or as the field picture of a form")
    return _answer(request, await searcher.results_of(upload, address, number(values, "top", _TOP, MOST_MATCHES)), 0)


def _answer(request: Request, results: Results, first: int) -> JSONResponse:
    values = {
        "query": {"name": results.query.name, "width": results.query.size[0], "height": results.query.size[1]},
        "method": results.method,
        "distance": results.distance,
        "searched": results.searched,
        "seconds": round(results.seconds, 4),
        "more": results.more,
        "matches": [_match(request, match, rank) for rank, match in enumerate(results.matches, first + 1)],
    }
    return JSONResponse(redact_all(values))


def _match(request: Request, match: Match, rank: int) -> dict[str, Any]:
    address = SearchAddress(image=match.id)
    return {
        "rank": rank,
        "id": match.id,
        "uri": match.uri,
        "distance": match.distance,
        "tied": match.tied,
        "score": match.score,
        "box": match.box,
        "columns": site(request).columns.of(match.id),
        "picture": f"{root(request)}/picture?{address}",
        "page": f"{root(request)}/search?{address}",
    }


async def images(request: Request) -> Response:
    """List the images of the run."""
    shared = site(request)
    address = BrowseAddress.of(request.query_params, shared.columns)
    size = number(request.query_params, "size", _IMAGES, MOST_IMAGES)
    found = await run_in_threadpool(find_images, await current_run(request), address, shared.columns)
    first = size * (address.page - 1)
    listed = [{"id": image, "columns": shared.columns.of(image)} for image in found[first : first + size]]
    return JSONResponse({"found": len(found), "more": len(found) > first + size, "images": redact_all(listed)})


async def openapi(request: Request) -> Response:
    """Describe this API in the OpenAPI format."""
    return JSONResponse(description(root(request), request.app.state.access.token is not None))
