"""The user's own columns of the images, such as titles and inventory numbers: to show, and to filter by."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from osrmac.errors import ConfigError, NotFoundError, StorageError, reason
from osrmac.storage.location import Location

__all__ = ["Columns", "Facet", "Filters", "no_columns", "read_columns"]

_ID = "id"
_MOST_CHOICES = 60
"""Number of different values up to which a column is offered as a list to choose from."""

Filters = tuple[tuple[str, str], ...]
"""Names of columns, and the value that each must have, or contain if its values are not listed."""


@dataclass(frozen=True)
class Facet:
    """A column to filter by.

    Attributes:
        name: Name of the column.
        choices: All values, sorted; None if they are too many to choose from.
    """

    name: str
    choices: tuple[str, ...] | None


class Columns:
    """The user's own columns, as text.

    Args:
        table: Table with a column `id`, and any others.
    """

    def __init__(self, table: pa.Table) -> None:
        texts = {name: _as_text(table[name]) for name in table.column_names}
        self._table = pa.table(texts)
        self._row = {image: row for row, image in enumerate(self._table[_ID].to_pylist())}
        self.names = [name for name in table.column_names if name != _ID]
        self.facets = [Facet(name, _choices(self._table[name])) for name in self.names]
        self._matching = lru_cache(maxsize=32)(self._find)

    def beside(self, table: pa.Table) -> Columns:
        """Return these columns beside those of a table, in place of columns of the same name, whatever its case.

        Args:
            table: Table with a column `id`, and any others.
        """
        ids = table[_ID].combine_chunks()
        own_ids = self._table[_ID].combine_chunks()
        every = pa.concat_arrays([ids, own_ids.filter(pc.invert(pc.is_in(own_ids, value_set=ids)))])
        replaced = {_ID, *(name.lower() for name in self.names)}
        others = table.select([name for name in table.column_names if name.lower() not in replaced])
        columns = {_ID: pa.chunked_array([every])}
        for values, of_ids in ((others, ids), (self._table.drop_columns([_ID]), own_ids)):
            rows = pc.index_in(every, value_set=of_ids)
            columns |= {name: values[name].take(rows) for name in values.column_names}
        return Columns(pa.table(columns))

    def of(self, image: str) -> dict[str, str]:
        """Return the values of an image by column; those that are missing or empty are left out."""
        row = self._row.get(image)
        if row is None:
            return {}
        (values,) = self._table.slice(row, 1).to_pylist()
        return {name: values[name] for name in self.names if values[name]}

    def matching(self, filters: Filters) -> frozenset[str]:
        """Return the ids of the images whose columns have all of these values, whatever their case.

        Raises:
            KeyError: There is no such column.
        """
        return self._matching(filters)

    def _find(self, filters: Filters) -> frozenset[str]:
        wanted = pa.chunked_array([pa.array([True] * self._table.num_rows, pa.bool_())])
        by_name = {facet.name: facet for facet in self.facets}
        for name, value in filters:
            column = self._table[name]
            if by_name[name].choices is None:
                found = pc.match_substring(column, value, ignore_case=True)
            else:
                found = pc.equal(pc.utf8_lower(column), value.lower())
            wanted = pc.and_(wanted, pc.fill_null(found, False))
        return frozenset(self._table[_ID].filter(wanted).to_pylist())


def no_columns() -> Columns:
    """Return no columns of no image."""
    return Columns(pa.table({_ID: pa.array([], pa.string())}))


def read_columns(file: str | None) -> Columns:
    """Read a table of columns.

    Args:
        file: Path or URL of a .csv or .parquet file with a column `id`; None for no columns.

    Raises:
        ConfigError: The file is of another kind, has no column `id`, or names an image twice.
        NotFoundError: There is no such file.
    """
    if file is None:
        return no_columns()
    location = Location.of(file)
    if not location.exists():
        raise NotFoundError(f"no file {file}: --columns takes a .csv or .parquet file with a column id")
    table = _read(location)
    if _ID not in table.column_names:
        raise ConfigError(f"--columns {file} has no column id, only {', '.join(table.column_names)}")
    names = table.column_names
    if len(set(names)) < len(names):
        raise ConfigError(f"--columns {file} has two columns of one name: {', '.join(names)}")
    if table[_ID].null_count:
        raise ConfigError(f"--columns {file} has {table[_ID].null_count} rows without an id")
    counts = table[_ID].value_counts().flatten()
    repeated = counts[0].filter(pc.greater(counts[1], 1))
    if len(repeated):
        raise ConfigError(f"--columns {file} has {len(repeated)} ids more than once, first {repeated[0]}")
    try:
        return Columns(table)
    except pa.ArrowException as error:
        raise ConfigError(f"--columns {file} has values that are no text: {reason(error)}") from error


def _read(location: Location) -> pa.Table:
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    suffix = PurePosixPath(location.name.lower()).suffix
    if suffix not in readers:
        raise ConfigError(f"--columns {location} is neither a .csv nor a .parquet file")
    try:
        return readers[suffix](location.read_bytes())
    except StorageError as error:
        raise ConfigError(f"--columns: {error}") from error
    except (pa.ArrowException, csv.Error, ValueError) as error:
        raise ConfigError(f"--columns {location} cannot be read: {reason(error)}") from error


def _read_parquet(content: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(content))


def _read_csv(content: bytes) -> pa.Table:
    """Read a CSV file as text: values stay as they are written, such as inventory numbers with leading zeros."""
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    names = next(rows, [])
    columns: list[list[str]] = [[] for _ in names]
    for row in rows:
        if row and len(row) != len(names):
            raise ValueError(f"line {rows.line_num} has {len(row)} values, but there are {len(names)} columns")
        for column, value in zip(columns, row, strict=False):  # a blank line has none
            column.append(value)
    return pa.table([pa.array(column, pa.string()) for column in columns], names)


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_string(column.type):
        return column
    try:
        return column.cast(pa.string())
    except pa.ArrowNotImplementedError:  # lists and the like
        return pa.chunked_array([pa.array([None if value is None else str(value) for value in column.to_pylist()])])


def _choices(column: pa.ChunkedArray) -> tuple[str, ...] | None:
    values: Iterable[str | None] = pc.unique(column).to_pylist()
    present = sorted(value for value in values if value)
    return tuple(present) if len(present) <= _MOST_CHOICES else None
