"""The user's own columns of a list, such as titles and inventory numbers: which are kept, and in what types.

Few types are kept, so that the values of several lists fit together: text, truth values, whole numbers (int64),
numbers (float64), dates, and times with and without a zone. Numbers that may be larger, and columns about whose type
lists disagree, are text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from osrmac.credentials import redact
from osrmac.storage import schema
from osrmac.storage.file_names import is_unicode, to_unicode
from osrmac.storage.listing.list_values import texts

__all__ = ["RESERVED", "OwnColumns", "as_text", "common_type", "own_columns", "own_names"]

RESERVED = frozenset(
    {
        *schema.manifest(schema.QUERIES).names,
        *schema.descriptors({}, "").names,
        *schema.DUPLICATES.names,
        *("query", "rank", "tied", "score", "searched", "error", "columns"),  # results of searches
        *("left", "top", "right", "bottom"),
        *("action", "run"),  # lists of near-duplicates
        *("vector", "_distance", "_rowid", "_score"),  # exports, and what LanceDB adds to them
    }
)
"""Names of columns that osrmac has beside the user's own, in lower case."""

_TEXT = pa.string()
_MAY_HAVE_CREDENTIALS = r"://.*[@?]"


@dataclass(frozen=True)
class OwnColumns:
    """The user's own columns of a table.

    Attributes:
        schema: Columns that are kept, with the types in which they are.
        left_out: The others, each with the reason, in words.
    """

    schema: pa.Schema
    left_out: tuple[str, ...]

    def of(self, table: pa.Table) -> pa.Table:
        """Return these columns of a table, converted; one that the table lacks is null.

        Bytes are texts, which osrmac stores as it does paths: those that are not UTF-8 are spelled out, and URLs lose
        their credentials.
        """
        columns = {
            field.name: _converted(table[field.name], field.type)
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in self.schema
        }
        return pa.table(columns, schema=self.schema)

    def added_to(self, rows: pa.Table, table: pa.Table) -> pa.Table:
        """Return rows with these columns of a table, which has the same rows, at the end."""
        return pa.table([*rows.columns, *self.of(table).columns], schema=pa.schema([*rows.schema, *self.schema]))


def own_columns(columns: pa.Schema, known: Collection[str]) -> OwnColumns:
    """Choose the columns of a table that are kept beside those that osrmac reads.

    Left out are nested and binary columns, and those whose names are empty, not unique, whatever their case, or
    osrmac's own: databases do not tell upper from lower case.

    Args:
        columns: Columns of the table.
        known: Names of the columns that osrmac reads.
    """
    others = [field for field in columns if field.name not in known]
    uses = Counter(field.name.lower() for field in others)
    kept, left_out = [], []
    for field in others:
        kind, name = _stored_type(field.type), field.name.lower()
        if not name.strip():
            left_out.append("a column without a name")
        elif uses[name] > 1:
            left_out.append(f"column {field.name}, as the name is there twice")
        elif name in RESERVED:
            left_out.append(f"column {field.name}, a name that osrmac uses: rename it to keep it")
        elif kind is None:
            left_out.append(f"column {field.name}, of type {field.type}")
        else:
            kept.append(pa.field(field.name, kind))
    return OwnColumns(pa.schema(kept), tuple(left_out))


def own_names(names: Iterable[str]) -> list[str]:
    """Return which columns of a listing or a plan are the user's own."""
    return [name for name in names if name.lower() not in RESERVED]


def common_type(types: Iterable[pa.DataType]) -> pa.DataType:
    """Return the type of a column that has these types in several places: if they differ, it is text."""
    different = set(types)
    return different.pop() if len(different) == 1 else _TEXT


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as text, by which those of different types are compared, too."""
    return column.cast(_TEXT)


def _stored_type(kind: pa.DataType) -> pa.DataType | None:
    """Return the type in which a column of some type is kept; None if it is not."""
    if pt.is_dictionary(kind):
        return _stored_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return _stored_type(kind.storage_type)
    return next((stored for matches, stored in _stored(kind) if matches), None)


def _stored(kind: pa.DataType) -> Iterator[tuple[bool, pa.DataType]]:
    is_text = pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind)
    is_other = pt.is_null(kind) or pt.is_decimal(kind) or pt.is_time(kind) or pt.is_uint64(kind)
    yield is_text or is_other, _TEXT
    yield pt.is_boolean(kind), pa.bool_()
    yield pt.is_integer(kind), pa.int64()
    yield pt.is_floating(kind), pa.float64()
    yield pt.is_date(kind), pa.date32()
    yield pt.is_timestamp(kind), pa.timestamp("us", None if getattr(kind, "tz", None) is None else "UTC")


def _converted(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.cast(column.type.storage_type)
    if pt.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kind != _TEXT:
        return column.cast(kind, safe=False)  # fractions of a microsecond are cut off
    return _without_credentials(_unicode(column))


def _unicode(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts that are valid: the bytes of files by others may not be UTF-8, whatever their type."""
    if pt.is_string(column.type) or pt.is_large_string(column.type):
        column = column.cast(pa.large_binary())
    try:
        return column.cast(_TEXT)
    except pa.ArrowInvalid:
        values = (value if value is None or is_unicode(value) else to_unicode(value) for value in texts(column))
        return pa.chunked_array([pa.array(values, _TEXT)])


def _without_credentials(column: pa.ChunkedArray) -> pa.ChunkedArray:
    found = pc.fill_null(pc.match_substring_regex(column, _MAY_HAVE_CREDENTIALS), False)
    if not pc.any(found).as_py():
        return column
    redacted = [None if value is None else redact(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(redacted, _TEXT)])
