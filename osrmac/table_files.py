"""Tables as CSV, XLSX and Parquet files, of which no text is taken for a formula by a spreadsheet program.

Names of images come from anywhere. A text that a program would take for a formula is written as a text: into XLSX with
that type, into CSV with an apostrophe before it, as OWASP advises (https://owasp.org/www-community/attacks/CSV_Injection).
Numbers stay numbers. Parquet has every value as it is.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from types import SimpleNamespace
from typing import Any, BinaryIO

from osrmac.errors import ConfigError

__all__ = [
    "SPREADSHEETS",
    "SUFFIXES",
    "Columns",
    "Value",
    "Write",
    "csv_bytes",
    "parquet_bytes",
    "plain_text",
    "table_bytes",
    "writing",
    "xlsx_bytes",
]

Value = str | int | float | bool | datetime.datetime | None
"""Value of a cell. None and nan are empty cells; times are texts, ISO 8601."""

SPREADSHEETS = (".csv", ".xlsx")
"""Kinds of files for spreadsheet programs, by suffix."""

SUFFIXES = (*SPREADSHEETS, ".parquet")
"""All kinds of files, by suffix."""

Columns = Mapping[str, type[str] | type[int] | type[float] | type[bool]]
"""Types of the values in each column of a table that is written some rows at a time."""

Write = Callable[[Sequence[Sequence[Value]]], None]
"""Writes some rows of a table."""

_START = r"(?:^|(?<=[;\t\r\n]))"
"""Start of a cell. Programs set to another country's separator take semicolons and tabs for the end of one."""

_FORMULA = r"(?='*(?:[\s\x00-\x1f\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]))"
"""What makes a program evaluate a cell, the full-width signs in some languages."""

_ESCAPE, _STARTS, _FORMULAS = map(re.compile, (_START + _FORMULA, _START, _FORMULA))

_XLSX_ROWS, _XLSX_TEXT = 1_048_576, 32_767
"""Rows of a sheet with its heading, and characters of a text, that Excel can read."""


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    r"""Return a table as CSV, in UTF-8, with a heading.

    Args:
        columns: Names of the columns; empty for rows without a heading.
        rows: Values of each row.

    >>> csv_bytes(["id", "distance"], [["=1+1.jpg", -0.5], ["a.jpg", None]])
    b"id,distance\n'=1+1.jpg,-0.5\na.jpg,\n"
    """
    lines: list[str] = []
    writer = csv.writer(SimpleNamespace(write=lines.append))  # quotes a lone CR, as it ends lines with CR LF
    writer.writerows([_csv_cell(value) for value in row] for row in chain([columns] if columns else [], rows))
    return "".join(line.removesuffix("\r\n") + "\n" for line in lines).encode(errors="backslashreplace")


def plain_text(cell: str) -> str:
    """Return the text that `csv_bytes` wrote as a cell.

    >>> plain_text("'=1+1.jpg"), plain_text("'tis.jpg")
    ('=1+1.jpg', "'tis.jpg")
    """
    for start in reversed([match.start() for match in _STARTS.finditer(cell)]):
        rest = cell[start + 1 :]  # as it was before it was written
        if cell.startswith("'", start) and _FORMULAS.match(rest):
            cell = cell[:start] + rest
    return cell


def _csv_cell(value: Value) -> object:
    plain = _plain(value)
    return _ESCAPE.sub("'", plain) if isinstance(plain, str) else plain


def _plain(value: Value) -> str | int | float | None:
    """Return a value as text or number; truth values are the texts `true` and `false`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def xlsx_bytes(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Return a table as an Excel workbook of one sheet, whose heading stays in sight and can filter the rows.

    Args:
        columns: Names of the columns.
        rows: Values of each row.

    Raises:
        ConfigError: XlsxWriter is not installed, or Excel cannot read so many rows or so long a text.
    """
    try:
        from xlsxwriter import Workbook
    except ModuleNotFoundError as error:
        raise ConfigError("writing .xlsx needs XlsxWriter: pip install 'osrmac[xlsx]', or write .csv") from error
    file = io.BytesIO()
    # Without these options, texts that look like formulas, links or numbers become such.
    texts = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with Workbook(file, {"in_memory": True, **texts}) as book:
        sheet, bold = book.add_worksheet(), book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        last = 0
        for last, row in enumerate((columns, *rows)):
            _check_size(last, row)
            for column, value in enumerate(row):
                _write_cell(sheet, last, column, _plain(value), bold if last == 0 else None)
        sheet.autofilter(0, 0, last, max(0, len(columns) - 1))
        sheet.autofit(600)
    return file.getvalue()


def _check_size(number: int, row: Sequence[Value]) -> None:
    if number >= _XLSX_ROWS:
        raise ConfigError(f"an .xlsx file has at most {_XLSX_ROWS:,} rows: write .csv")
    if any(isinstance(value, str) and len(value) > _XLSX_TEXT for value in row):
        raise ConfigError(f"a cell of an .xlsx file has at most {_XLSX_TEXT:,} characters: write .csv")


def _write_cell(sheet: Any, row: int, column: int, value: str | float | None, style: Any) -> None:
    if isinstance(value, str):
        sheet.write_string(row, column, value.encode(errors="backslashreplace").decode(), style)
    elif value is not None:
        sheet.write_number(row, column, value, style)


def parquet_bytes(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Return a table as Parquet; the values of a column decide its type.

    Args:
        columns: Names of the columns.
        rows: Values of each row.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    listed = list(rows)
    by_column = list(zip(*listed, strict=True)) if listed else [()] * len(columns)
    file = io.BytesIO()
    pq.write_table(pa.table(dict(zip(columns, map(pa.array, by_column), strict=True))), file, compression="zstd")
    return file.getvalue()


@contextmanager
def writing(suffix: str, file: BinaryIO, columns: Columns) -> Iterator[Write]:
    """Write a table some rows at a time, in bounded memory: give a function that writes rows to a file.

    Args:
        suffix: Kind of file, .csv or .parquet.
        file: File to write.
        columns: Names and types of the columns.
    """
    if suffix == ".csv":
        file.write(csv_bytes(list(columns), ()))

        def write_csv(rows: Sequence[Sequence[Value]]) -> None:
            file.write(csv_bytes((), rows))

        yield write_csv
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])

    def write(rows: Sequence[Sequence[Value]]) -> None:
        arrays = [pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
        writer.write_table(pa.table(arrays, schema=schema))

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield write


def table_bytes(suffix: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> bytes:
    """Return a table as a file of the kind that a suffix, one of `SUFFIXES`, names; see the functions above."""
    return {".csv": csv_bytes, ".xlsx": xlsx_bytes, ".parquet": parquet_bytes}[suffix](columns, rows)
