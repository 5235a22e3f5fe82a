"""Pages of the images of the run: the first page, and lists of images."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from osrmac.runs.open_run import OpenRun
from osrmac.server.addresses import BrowseAddress
from osrmac.server.columns import Columns
from osrmac.server.pages.groups import ShownGroup
from osrmac.server.pages.rendering import current_run, linked, page, site

__all__ = ["find_images", "home", "images", "spread"]

_PAGE = 60
"""Images on a page."""

_SAMPLE, _GROUPS = 24, 8
"""Images and groups on the first page."""


async def home(request: Request) -> Response:
    """Show the first page: where to drop a photo, the largest groups, and some images of the run."""
    shared = site(request)
    current, overview = await current_run(request), await run_in_threadpool(shared.overview)
    groups = [] if overview is None else [ShownGroup.of(group) for group in overview.groups[:_GROUPS]]
    sample = linked(spread(current.ids, _SAMPLE))
    return page(request, "home.html", groups=groups, sample=sample, current=current)


async def images(request: Request) -> Response:
    """Show the images of the run whose names contain a text, and whose columns have some values."""
    shared = site(request)
    address = BrowseAddress.of(request.query_params, shared.columns)
    current = await current_run(request)
    found = await run_in_threadpool(find_images, current, address, shared.columns)
    first = _PAGE * (address.page - 1)
    return page(
        request,
        "images.html",
        address=address,
        found=len(found),
        shown=linked(found[first : first + _PAGE]),
        more=len(found) > first + _PAGE,
        current=current,
    )


def find_images(current: OpenRun, address: BrowseAddress, columns: Columns) -> list[str]:
    """Return the ids of the described images that an address names, sorted."""
    found = current.ids
    if address.filters:
        matching = columns.matching(address.filters)
        found = [image for image in found if image in matching]
    text = address.name.casefold()
    return [image for image in found if text in image.casefold()] if text else found


def spread(ids: list[str], number: int) -> list[str]:
    """Return so many of some ids, evenly spread.

    >>> spread(["a", "b", "c", "d", "e"], 2)
    ['a', 'c']
    """
    return ids if len(ids) <= number else [ids[len(ids) * place // number] for place in range(number)]
