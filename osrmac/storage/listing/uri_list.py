"""Lists of images: text, CSV and Parquet files of URIs. A line that cannot be used becomes a row that fails."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from osrmac.credentials import without_credentials
from osrmac.errors import StorageError, reason
from osrmac.progress import note
from osrmac.storage.file_names import absolute, file_url, is_unicode, local_path, to_unicode
from osrmac.storage.listing import list_values
from osrmac.storage.listing.own_columns import OwnColumns, own_columns
from osrmac.storage.listing.walk import local_file
from osrmac.storage.location import Location
from osrmac.storage.schema import COLLECTION

__all__ = ["batched", "is_list", "lines", "rows"]

_SUFFIXES = (".csv", ".parquet", ".txt")
_VERSION = ("size", "etag", "mtime")
_BATCH = 100_000

_T = TypeVar("_T")


def is_list(location: Location) -> bool:
    """Return whether this is a file whose name is that of a list."""
    return without_credentials(location.path).endswith(_SUFFIXES) and bool(location.fs.isfile(location.path))


def rows(listed: Location) -> Iterator[pa.Table]:
    """Yield the rows of a list in tables of `schema.COLLECTION`; every line and row is one of them.

    They are followed by the user's own columns: see `own_columns`. A note names those that are left out.

    The id of a row without one is its URI, or `row N` if it has neither. Relative paths become absolute: they are
    relative to the folder of the list if there is such a file, or else to the current folder. Sizes and modification
    times that cannot be read are null. If a list has no column of versions, those of local files are looked up.

    Raises:
        StorageError: The list cannot be read, has no column `uri`, or a column has an unsuitable type.
    """
    count = 0
    for table, own in _parsed(listed):
        yield _with_columns(_collection(listed, table, count), own.of(table))
        count += table.num_rows


def _parsed(listed: Location) -> Iterator[tuple[pa.Table, OwnColumns]]:
    """Read the known columns of a list and the user's own, some rows at a time."""
    name = without_credentials(listed.path)
    try:
        with listed.fs.open(listed.path, "rb") as file:
            if name.endswith(".parquet"):
                yield from _parse_parquet(listed, file)
            elif name.endswith(".csv"):
                yield from _parse_csv(listed, file)
            else:
                none = own_columns(pa.schema([]), ())
                yield from ((pa.table({"uri": texts}), none) for texts in batched(lines(file)))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read the list {listed}: {reason(error)}") from error


def _parse_parquet(listed: Location, file: Any) -> Iterator[tuple[pa.Table, OwnColumns]]:
    """Read one row group at a time: `iter_batches` over all of them keeps every group in memory."""
    parquet = pq.ParquetFile(file)
    columns, own = _chosen(listed, parquet.schema_arrow)
    for group in range(parquet.num_row_groups):
        for batch in parquet.iter_batches(_BATCH, row_groups=[group], columns=columns):
            yield pa.Table.from_batches([batch]), own


def _parse_csv(listed: Location, file: Any) -> Iterator[tuple[pa.Table, OwnColumns]]:
    """Read all values as bytes: inference would turn the id 0001 into 1, and stop at the first exception to its rule.

    A line with too many or too few values is a row of its own, with the line as the URI.
    """
    malformed: list[bytes] = []

    def keep(row: pyarrow.csv.InvalidRow) -> str:
        malformed.append(row.text.encode())
        return "skip"

    parsing = pyarrow.csv.ParseOptions(invalid_row_handler=keep)
    names = pyarrow.csv.open_csv(file, parse_options=parsing).schema.names
    columns, own = _chosen(listed, pa.schema([(name, pa.string()) for name in names]))
    file.seek(0)
    malformed.clear()
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.binary()),
        include_columns=columns,
        null_values=[""],  # a cell without a text
        strings_can_be_null=True,
    )
    for batch in pyarrow.csv.open_csv(file, parse_options=parsing, convert_options=options):
        yield pa.Table.from_batches([batch]), own
    if malformed:
        yield pa.table({"uri": malformed}), own


def _chosen(listed: Location, columns: pa.Schema) -> tuple[list[str], OwnColumns]:
    """Return the names of the columns to read, and which of them are the user's own."""
    if "uri" not in columns.names:
        raise StorageError(f"the list {listed} has no column 'uri', only {', '.join(columns.names)}")
    own = own_columns(columns, COLLECTION.names)
    if own.left_out:
        note(f"not kept of {listed}: {'; '.join(own.left_out)}")
    return [name for name in columns.names if name in {*COLLECTION.names, *own.schema.names}], own


def _with_columns(table: pa.Table, further: pa.Table) -> pa.Table:
    for field in further.schema:
        table = table.append_column(field, further[field.name])
    return table


def lines(file: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a text file without white space around them; empty lines are left out."""
    return filter(None, (line.removeprefix(b"\xef\xbb\xbf").strip() for line in file))


def batched(values: Iterator[_T]) -> Iterator[list[_T]]:
    """Yield lists of up to 100 000 values."""
    while batch := list(islice(values, _BATCH)):
        yield batch


def _collection(listed: Location, table: pa.Table, before: int) -> pa.Table:
    """Complete some rows of a list, which come after a number of others."""
    given = frozenset(table.column_names)
    written = [uri or "" for uri in _texts(listed, table, "uri")]
    ids = _texts(listed, table, "id") if "id" in given else [None] * len(written)
    columns: dict[str, Any] = {
        "id": [
            _unicode(given_id or uri) or f"row {row}"
            for row, (given_id, uri) in enumerate(zip(ids, written, strict=True), before + 1)
        ],
        "uri": [_resolved(uri, listed) for uri in written],
    }
    if "etag" in given:
        columns["etag"] = [etag and _unicode(etag) for etag in _texts(listed, table, "etag")]
    if "size" in given:
        columns["size"] = list_values.sizes(table["size"])
    if "mtime" in given:
        columns["mtime"] = list_values.times(table["mtime"])
    if given.isdisjoint(_VERSION):
        files = [local_file(local_path(uri)) for uri in columns["uri"]]
        columns |= {name: [getattr(file, name) for file in files] for name in _VERSION}
    unknown = [None] * len(written)
    return pa.table([columns.get(name, unknown) for name in COLLECTION.names], schema=COLLECTION)


def _texts(listed: Location, table: pa.Table, name: str) -> list[str | None]:
    try:
        return list_values.texts(table[name])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        kind = table.schema.field(name).type
        raise StorageError(f"the column {name!r} of the list {listed} has the type {kind}: make it text") from error


def _unicode(text: str) -> str:
    return text if is_unicode(text) else to_unicode(text)


def _resolved(uri: str, listed: Location) -> str:
    """Return a URL, an absolute path, or the URL of a path that is not valid Unicode; nothing of nothing."""
    here = str(Path.cwd())
    if uri and absolute(uri, here) != uri:
        folders = [os.path.realpath(Path(listed.path).parent), here] if listed.is_local else [here]
        paths = [absolute(uri, folder) for folder in folders]
        uri = next(filter(os.path.exists, paths), paths[0])
    if is_unicode(uri):
        return uri
    return file_url(uri) if uri.startswith("/") else to_unicode(uri)
