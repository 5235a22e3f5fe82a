"""Files that commands write beside their results: contact sheets and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from osrmac.credentials import redact
from osrmac.progress import note
from osrmac.table_files import Columns, Value, Write, table_bytes, writing

if TYPE_CHECKING:
    from osrmac.commands.result_tables import ResultTable

__all__ = ["check_tables", "streamed_table", "write_sheet", "write_table"]

_ROWS = 100_000
"""Rows of a streamed table that are written at once."""


def check_tables(*files: Path | None) -> None:
    """Check that the tables that are asked for can be written: see `osrmac.commands.checks.check_table`."""
    for file in files:
        if file is not None:
            from osrmac.commands.checks import check_table  # which knows all kinds of collections

            check_table(file)


def write_sheet(file: Path, page: str, run: str, method: str, images: int) -> None:
    """Write a contact sheet of so many images of a run, compared by a method."""
    _write(file, page.encode(), run, "contact sheet", method, images)


def write_table(
    file: Path | None, table: ResultTable, run: str | None = None, method: str = "", images: int = 0
) -> None:
    """Write a table as the kind of file that its suffix names, without the credentials of URLs.

    Args:
        file: File with one of the suffixes of `osrmac.table_files`; None writes nothing.
        table: The table.
        run: Run in which to record a table that names images of it.
        method: Method that they were compared by.
        images: Number of them.
    """
    if file is None:
        return
    rows = ([redact(value) if isinstance(value, str) else value for value in row] for row in table.rows)
    _write(file, table_bytes(file.suffix.lower(), table.columns, rows), run, "list", method, images)


@contextmanager
def streamed_table(file: Path, columns: Columns) -> Iterator[Write]:
    """Write a table row by row: give a function that adds rows, without the credentials of URLs.

    The table is complete when the block has ended; if it fails, there is no table, or the earlier one.

    Args:
        file: File with the suffix .csv or .parquet.
        columns: Names and types of the columns.
    """
    from osrmac.storage.filesystem import replacing, storage_errors

    waiting: list[list[Value]] = []
    with replacing(file) as opened, writing(file.suffix.lower(), opened, columns) as write:

        def flush() -> None:
            with storage_errors(str(file)):
                write(waiting)
            waiting.clear()

        def add(rows: Sequence[Sequence[Value]]) -> None:
            waiting.extend([redact(value) if isinstance(value, str) else value for value in row] for row in rows)
            if len(waiting) >= _ROWS:
                flush()

        yield add
        if waiting:
            flush()
    note(f"list in {file}")


def _write(file: Path, content: bytes, run: str | None, kind: str, method: str, images: int) -> None:
    """Write a file that names images, and record it in their run, if there is one."""
    from osrmac.commands.copies import record_page
    from osrmac.storage import run as storage
    from osrmac.storage.location import Location

    Location.of(file).write_bytes(content)
    note(f"{kind} in {file}")
    if run is not None:
        record_page(storage.Run(run), str(file), kind, method, images)
