"""Rows of the plan: grouped by shard, with the values of listed images, and planned again. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from osrmac.storage.listing.own_columns import as_text, common_type, own_names

__all__ = ["replanned", "shard_ranges", "with_own_columns", "with_rows", "without_empty_columns"]


def shard_ranges(table: pa.Table) -> Iterator[tuple[int, int]]:
    """Yield the first row of each shard, and the row after its last one."""
    names = table["shard"].to_numpy()
    edges = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist(), len(names)]
    return pairwise(edges)


def replanned(table: pa.Table, ids: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return the rows of a part with higher generations for some ids; the same table if it has none of them."""
    due = pc.is_in(table["id"], value_set=ids).to_numpy()
    return _with_column(table, "generation", _raised_generations(table, due)) if due.any() else table


def _raised_generations(table: pa.Table, due: NDArray[np.bool_]) -> pa.Array:
    """Return the generations, with those of rows that are due raised above all others of their shard."""
    generations = table["generation"].to_numpy().copy()
    for start, stop in shard_ranges(table):
        generations[start:stop][due[start:stop]] = generations[start:stop].max() + 1
    return pa.array(generations)


def with_rows(table: pa.Table, rows: pa.Table) -> pa.Table:
    """Return a table with the columns of other rows in those of the same id."""
    positions = _positions(table, rows)
    for name in rows.column_names:
        table = _with_column(table, name, _replaced(table[name], rows[name].cast(table[name].type), positions))
    return table


def with_own_columns(table: pa.Table, rows: pa.Table) -> pa.Table:
    """Return planned rows in which listed images have the user's own columns of the listing, and no others.

    Names differ by more than case. The columns of the listing come first.

    Args:
        table: Planned rows.
        rows: Listed rows, with any columns.
    """
    stored, listed = own_names(table.column_names), own_names(rows.column_names)
    spelled = {name.lower(): name for name in [*stored, *listed]}
    in_table, in_rows = ({name.lower(): name for name in names} for names in (stored, listed))
    positions = _positions(table, rows)
    columns = table.drop_columns(stored)
    for name in in_rows | in_table:
        old = table[in_table[name]] if name in in_table else None
        new = rows[in_rows[name]] if name in in_rows else None
        before_shard = columns.column_names.index("shard")
        values = _merged(old, new, positions, rows.num_rows)
        columns = columns.add_column(before_shard, spelled[name], values)
    return without_empty_columns(columns)


def without_empty_columns(table: pa.Table) -> pa.Table:
    """Return rows without those of the user's own columns that have no value."""
    names = own_names(table.column_names)
    return table.drop_columns([name for name in names if table[name].null_count == table.num_rows])


def _merged(
    stored: pa.ChunkedArray | None, listed: pa.ChunkedArray | None, positions: pa.Int32Array, number: int
) -> pa.Array:
    """Return the listed values at their positions and the stored ones elsewhere, as text if their types differ.

    Args:
        stored: Values of the planned rows; None for no value.
        listed: Values of the listed rows; None for no value.
        positions: Position of each planned row in the listed ones; null for one that is not listed.
        number: Number of listed rows.
    """
    old = pa.chunked_array([pa.nulls(len(positions))]) if stored is None else stored
    new = pa.chunked_array([pa.nulls(number)]) if listed is None else listed
    old = pc.if_else(pc.is_null(positions), old, pa.scalar(None, old.type))
    kind = common_type(values.type for values in (old, new) if values.null_count < len(values))
    return _replaced(_as(kind, old), _as(kind, new), positions)


def _as(kind: pa.DataType, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), kind)])
    return values if values.type == kind else as_text(values)


def _positions(table: pa.Table, rows: pa.Table) -> pa.Int32Array:
    """Return for each row of a table the position of that of the same id among others, null if there is none."""
    return pc.index_in(table["id"], value_set=rows["id"].combine_chunks()).combine_chunks()


def _replaced(old: pa.ChunkedArray, new: pa.ChunkedArray, positions: pa.Int32Array) -> pa.Array:
    """Return the new value where a position in the new values is given, otherwise the old value."""
    both = pa.concat_arrays([old.combine_chunks(), new.combine_chunks()])
    unchanged = pa.array(np.arange(len(old)))
    return both.take(pc.coalesce(pc.add(positions.cast(pa.int64()), len(old)), unchanged))


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    column = table.column_names.index(name)
    return table.set_column(column, table.schema.field(column), values)
