"""Pages of a search: the upload, the results, and the comparison of a result with the query."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from osrmac.errors import printable
from osrmac.server.addresses import SearchAddress, number
from osrmac.server.pages.rendering import current_run, page, root, site
from osrmac.server.search import Results
from osrmac.server.uploads import Upload
from osrmac.types import Match

__all__ = ["PAGE", "compare", "read_upload", "search", "upload"]

PAGE = 24
"""Images on a page."""

_FIELDS, _FIELD_BYTES = 20, 10_000
"""Largest number and size of the fields of a form besides the picture."""

_NAME = 200
"""Characters of the name of an uploaded file that are kept."""


async def read_upload(request: Request) -> Upload | None:
    """Return the picture that a form or the body of a request holds; None if it holds none.

    Parts of a form are spooled to a temporary file, which is removed here.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        content = await request.body()
        return Upload("the uploaded picture", content) if content else None
    try:
        async with request.form(max_files=1, max_fields=_FIELDS, max_part_size=_FIELD_BYTES) as form:
            part = form.get("picture")
            if part is None or isinstance(part, str):
                return None
            content = await part.read()
            return Upload(_file_name(part.filename), content) if content else None
    except UnicodeError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the form has names in an unknown encoding") from error


def _file_name(given: str | None) -> str:
    """Return the name of an uploaded file as pages can show it, whatever the client calls it."""
    return printable((given or "")[:_NAME]) or "the uploaded picture"


async def upload(request: Request) -> Response:
    """Hold an uploaded picture, and go to the page of its results."""
    found = await read_upload(request)
    if found is None:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "no picture was sent: choose a file")
    shared = site(request)
    # What cannot be shown is refused before it takes the place of other uploads.
    await shared.searcher.check(found)
    address = SearchAddress(upload=shared.uploads.add(found))
    return RedirectResponse(f"{root(request)}/search?{address}", HTTPStatus.SEE_OTHER)


@dataclass(frozen=True)
class Shown:
    """A match as a page shows it.

    Attributes:
        match: The match.
        rank: Its rank among the results, which leave out the query itself, from 1.
        address: Query string of the search for it.
        columns: The user's own columns.
        length: Length of the bar of its distance, up to 100.
    """

    match: Match
    rank: int
    address: SearchAddress
    columns: dict[str, str]
    length: float


@dataclass(frozen=True)
class Band:
    """Results under a heading, or under none."""

    title: str
    shown: list[Shown]


async def search(request: Request) -> Response:
    """Show a page of the results of a query."""
    shared = site(request)
    address = SearchAddress.of(request.query_params, shared.columns)
    if address.image is None and address.upload is None:
        return RedirectResponse(f"{root(request)}/", HTTPStatus.SEE_OTHER)
    first = PAGE * (address.page - 1)
    results = await shared.searcher.results(address, first, PAGE)
    cut = None if address.box else shared.scene_cut.of(await current_run(request))
    longest = max([cut or 0, *(match.distance for match in results.matches)]) or 1
    return page(
        request,
        "search.html",
        address=address,
        results=results,
        bands=_bands(_shown(request, results, first, longest), cut),
        cut=None if cut is None else 100 * cut / longest,
        **await _pictures(request, address),
    )


async def compare(request: Request) -> Response:
    """Show a result beside the query."""
    shared = site(request)
    address = SearchAddress.of(request.query_params, shared.columns)
    rank = number(request.query_params, "rank")
    first = max(0, rank - 2)
    results = await shared.searcher.results(address, first, rank + 1 - first)
    shown = {each.rank: each for each in _shown(request, results, first, 1)}
    if rank not in shown:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"the search has no result {rank}")
    row = (await current_run(request)).row(shown[rank].match.id) or {}
    return page(
        request,
        "compare.html",
        address=address,
        results=results,
        shown=shown[rank],
        size=(row.get("width"), row.get("height")),
        before=shown.get(rank - 1),
        after=shown.get(rank + 1),
        back=address.at((rank - 1) // PAGE + 1),
        **await _pictures(request, address),
    )


def _bands(shown: list[Shown], cut: float | None) -> list[Band]:
    """Return results under headings, divided where they are likely the same no more."""
    if cut is None:
        return [Band("", shown)] if shown else []
    titles = {True: "Likely the same", False: "Similar"}
    return [Band(titles[near], list(band)) for near, band in groupby(shown, lambda each: each.match.distance <= cut)]


def _shown(request: Request, results: Results, first: int, longest: float) -> list[Shown]:
    columns = site(request).columns
    return [
        Shown(match, rank, SearchAddress(image=match.id), columns.of(match.id), 100 * match.distance / longest)
        for rank, match in enumerate(results.matches, first + 1)
    ]


async def _pictures(request: Request, address: SearchAddress) -> dict[str, Any]:
    """Return the variables by which pages name pictures: the query string of the query's own, and the run's version."""
    of_query = {"id": address.image} if address.image is not None else {"upload": address.upload or ""}
    return {"query_picture": urlencode(of_query), "version": (await current_run(request)).version}
