"""The results of a search as a table to download."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from osrmac.server.addresses import SearchAddress
from osrmac.server.pages.rendering import site
from osrmac.server.search import Results
from osrmac.table_files import Value, table_bytes

__all__ = ["search_table"]

_ROWS = 1000
"""Results in a table."""

_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def search_table(suffix: str, request: Request) -> Response:
    """Return the first results of a query as a file of a kind, .csv or .xlsx."""
    shared = site(request)
    address = SearchAddress.of(request.query_params, shared.columns)
    results = await shared.searcher.results(address, 0, _ROWS)
    columns = ["query", "rank", "id", "uri", "distance", *shared.columns.names]
    content = await run_in_threadpool(table_bytes, suffix, columns, _rows(results, request))
    name = {"Content-Disposition": f'attachment; filename="search{suffix}"', "Cache-Control": "no-store"}
    return Response(content, media_type=_TYPES[suffix], headers=name)


def _rows(results: Results, request: Request) -> list[list[Value]]:
    columns = site(request).columns
    rows: list[list[Value]] = []
    for rank, match in enumerate(results.matches, 1):
        own = columns.of(match.id)
        values = [own.get(name) for name in columns.names]
        rows.append([results.query.name, rank, match.id, match.uri, match.distance, *values])
    return rows
