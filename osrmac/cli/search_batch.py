"""Output of a search with many queries: each result is written as soon as it is known, and none is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osrmac.cli.arguments import Output
from osrmac.cli.files import streamed_table
from osrmac.cli.output import write
from osrmac.cli.search_results import query_json
from osrmac.commands.result_tables import search_columns, search_rows
from osrmac.errors import ConfigError
from osrmac.progress import note

if TYPE_CHECKING:
    from osrmac.commands.search import ResultStream

__all__ = ["check_batch", "write_batch"]


def check_batch(output: Output, table: Path | None, html: Path | None) -> None:
    """Check that the results of many queries are written to where many results can be.

    Raises:
        ConfigError: They would be printed as tables, or written as a contact sheet or a workbook.
    """
    if html is not None:
        raise ConfigError("--html shows the results of queries given as QUERY: write those of many with --table")
    if table is not None and table.suffix.lower() == ".xlsx":
        raise ConfigError(f"the results of many queries are too long for {table}: write .parquet or .csv")
    if table is None and output.format != "json":
        raise ConfigError("the results of many queries are not printed: add --table FILE.parquet, or --format json")


def write_batch(results: ResultStream, run: str, table: Path | None, output: Output) -> None:
    """Write the results of many queries as a table, as JSON Lines, or as both, with the number of failed queries."""
    from osrmac.commands.copies import record_page
    from osrmac.storage import run as storage

    columns = search_columns(results.own_columns, scores=results.reranked, boxes=results.boxes, errors=True)
    counts = _Counts()
    with nullcontext(_no_table) if table is None else streamed_table(table, columns) as add:

        def lines() -> Iterator[Any]:
            for query in results:
                counts.add(query.query, query.error, len(query.matches))
                add(list(search_rows(query, columns)))
                yield from query_json(query, scores=results.reranked, searched=results.searched)

        if output.format == "json":
            write(output, lines())
        else:
            for _ in lines():
                pass
    if table is not None:
        record_page(storage.Run(run), str(table), "list", results.method, counts.matches)
    note(f"{counts.queries:,} queries, compared by {results.method}: {results.searched}")
    if counts.failed:
        note(f"{counts.failed:,} of them failed, first {counts.first}")


class _Counts:
    """Numbers of queries, of those that failed, and of matches; and the first failure."""

    def __init__(self) -> None:
        self.queries = self.failed = self.matches = 0
        self.first = ""

    def add(self, query: str, error: str | None, matches: int) -> None:
        self.queries += 1
        self.matches += matches
        if error is not None:
            self.failed += 1
            self.first = self.first or f"{query}: {error}"


def _no_table(_rows: Sequence[Sequence[object]]) -> None: ...
