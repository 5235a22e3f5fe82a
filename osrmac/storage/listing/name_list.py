"""Lists of ids or URIs of images: text, CSV and Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from osrmac.errors import ConfigError, NotFoundError, StorageError
from osrmac.storage.file_names import is_unicode, to_unicode
from osrmac.storage.listing import list_values
from osrmac.storage.listing.uri_list import batched, lines
from osrmac.storage.location import Location
from osrmac.table_files import plain_text

__all__ = ["read_names"]

_COLUMNS = ("id", "uri")
_ACTION, _KEEP = "action", b"keep"


def read_names(listed: Location) -> Iterator[list[str]]:
    """Yield the names in a list, some at a time: the lines of a `.txt` file, or else the column `id`, or else `uri`.

    Raises:
        ConfigError: The file is of another kind, or names nothing.
        NotFoundError: There is no such file.
        StorageError: It cannot be read, or is malformed.
    """
    parse = {".txt": _lines, ".csv": _csv, ".parquet": _parquet}.get(os.path.splitext(listed.path)[1])  # noqa: PTH122
    if parse is None:
        raise ConfigError(f"{listed} is no list of images: name a .txt, .csv or .parquet file")
    count = 0
    try:
        with listed.open() as file:
            for values in parse(listed, file):
                names = [name if is_unicode(name) else to_unicode(name) for name in values if name]
                count += len(names)
                yield names
    except FileNotFoundError as error:
        raise NotFoundError(f"no list {listed}") from error
    if not count:
        raise ConfigError(f"the list {listed} names no image")


def _lines(_listed: Location, file: Any) -> Iterator[list[str | None]]:
    for values in batched(lines(file)):
        yield list(map(os.fsdecode, values))


def _csv(listed: Location, file: Any) -> Iterator[list[str | None]]:
    """Read values as bytes, which are not inferred to be numbers; tables that osrmac writes are read as they were.

    Images that the list of `osrmac duplicates` keeps are left out.
    """
    found = pyarrow.csv.open_csv(file).schema.names
    names = [_column(listed, found), *({_ACTION} & set(found))]
    file.seek(0)
    options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary()), include_columns=names)
    for batch in pyarrow.csv.open_csv(file, convert_options=options):
        rows = batch.filter(pc.not_equal(batch[_ACTION], _KEEP)) if _ACTION in names else batch
        yield [name and plain_text(name) for name in list_values.texts(pa.chunked_array([rows[names[0]]]))]


def _parquet(listed: Location, file: Any) -> Iterator[list[str | None]]:
    parquet = pq.ParquetFile(file)
    column = _column(listed, parquet.schema_arrow.names)
    for batch in parquet.iter_batches(columns=[column]):
        yield list_values.texts(pa.chunked_array([batch[column]]))


def _column(listed: Location, names: list[str]) -> str:
    column = next((name for name in _COLUMNS if name in names), None)
    if column is None:
        raise StorageError(f"the list {listed} has no column 'id' or 'uri', only {', '.join(names)}")
    return column
