"""The page of near-duplicates: in each group the image to keep, and the others beside it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from osrmac.server.addresses import number
from osrmac.server.pages.rendering import current_run, page, site

__all__ = ["duplicates"]

_PAGE = 30
"""Groups on a page."""


async def duplicates(request: Request) -> Response:
    """Show the groups of near-duplicates that `osrmac duplicates` found last."""
    shared = site(request)
    stored = await run_in_threadpool(shared.duplicates)
    groups = () if stored is None else stored.duplicates.groups
    here = number(request.query_params, "page")
    first = _PAGE * (here - 1)
    return page(
        request,
        "duplicates.html",
        stored=stored,
        groups=len(groups),
        shown=list(enumerate(groups, 1))[first : first + _PAGE],
        number=here,
        more=len(groups) > first + _PAGE,
        current=await current_run(request),
    )
