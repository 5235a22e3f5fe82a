"""Pages of the overview: groups of images that belong together, one group, images unlike all others, and the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from osrmac.server.addresses import SearchAddress, number
from osrmac.server.pages.rendering import Linked, current_run, linked, page, site

__all__ = ["ShownGroup", "group", "groups", "map_page", "map_points", "outliers"]

_PAGE = 24
"""Groups on a page."""

_SHOWN = 6
"""Images of each group on it."""

_PAGE_OF_GROUP = 120
"""Images of one group on a page."""


@dataclass(frozen=True)
class ShownGroup:
    """A group as the list of groups shows it: its first images, and how many it has."""

    images: list[Linked]
    size: int

    @classmethod
    def of(cls, group: Sequence[str]) -> ShownGroup:
        """Return a group as it is shown."""
        return cls(linked(group[:_SHOWN]), len(group))


async def groups(request: Request) -> Response:
    """Show the groups, the largest first."""
    shared = site(request)
    overview = await run_in_threadpool(shared.overview)
    found = [] if overview is None else overview.groups
    here = number(request.query_params, "page")
    first = _PAGE * (here - 1)
    shown = [ShownGroup.of(each) for each in found[first : first + _PAGE]]
    return page(
        request,
        "groups.html",
        overview=overview,
        shown=shown,
        number=here,
        more=len(found) > first + _PAGE,
        current=await current_run(request),
    )


async def group(request: Request) -> Response:
    """Show all images of the group that an image belongs to."""
    shared = site(request)
    image = request.query_params.get("id", "")
    overview = await run_in_threadpool(shared.overview)
    found = [] if overview is None else [each for each in overview.groups if image in each]
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no group with an image {image}.")
    here = number(request.query_params, "page")
    first = _PAGE_OF_GROUP * (here - 1)
    return page(
        request,
        "group.html",
        size=len(found[0]),
        shown=linked(found[0][first : first + _PAGE_OF_GROUP]),
        address=SearchAddress(image=image, page=here),
        more=len(found[0]) > first + _PAGE_OF_GROUP,
        current=await current_run(request),
    )


async def outliers(request: Request) -> Response:
    """Show the images that are unlike all others."""
    shared = site(request)
    overview = await run_in_threadpool(shared.overview)
    found = [] if overview is None else [outlier.id for outlier in overview.outliers]
    return page(request, "outliers.html", overview=overview, shown=linked(found), current=await current_run(request))


async def map_page(request: Request) -> Response:
    """Show the map of the collection."""
    overview = await run_in_threadpool(site(request).overview)
    return page(request, "map.html", overview=overview, current=await current_run(request))


async def map_points(request: Request) -> Response:
    """Return the places of images on the map, as JSON: id, x and y from 0 to 1, and number of the group."""
    overview = await run_in_threadpool(site(request).overview)
    places = {} if overview is None else overview.positions
    points = [[image, round(place.x, 4), round(place.y, 4), place.group] for image, place in places.items()]
    return JSONResponse({"points": points})
