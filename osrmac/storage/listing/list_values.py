"""Values of a list's columns, whatever their Arrow types: texts, sizes and modification times."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

__all__ = ["sizes", "texts", "times"]

_TIME = pa.timestamp("us", "UTC")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def texts(column: pa.ChunkedArray) -> list[str | None]:
    """Return text, the text of bytes, or the decimal string of numbers; bytes that are not UTF-8 become surrogates.

    Raises:
        pyarrow.ArrowNotImplementedError: The type has no text, such as a list.
    """
    if _is_bytes(column.type):
        with suppress(pa.ArrowInvalid):
            return list(column.cast(pa.string()).to_pylist())
        return [None if value is None else os.fsdecode(value) for value in column.to_pylist()]
    if pt.is_string_view(column.type):
        return list(column.to_pylist())
    return list(column.cast(pa.string()).to_pylist())


def sizes(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return whole numbers, int64; null where there is none."""
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _without_empty(column).cast(pa.int64())
    return pa.array([_each(_size, value) for value in _plain(column)], pa.int64())


def times(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return times, timestamp[us, UTC]; null where there is none.

    Times without a zone are UTC, and fractions of a microsecond are cut off. A whole number counts the microseconds
    since 1970, any other number the seconds; a text is a number, or a date or time in the form of ISO 8601.
    """
    with suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        plain = _without_empty(column)
        zone = plain.type.tz if pt.is_timestamp(plain.type) else "UTC" if pt.is_string(plain.type) else None
        return plain.cast(pa.timestamp("us", zone), safe=False).cast(_TIME)
    return pa.array([_each(_microseconds, value) for value in _plain(column)], pa.int64()).cast(_TIME)


def _without_empty(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return bytes and texts as texts, with null for an empty one, and anything else as it is."""
    if not (_is_bytes(column.type) or pt.is_string(column.type)):
        return column
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _is_bytes(kind: pa.DataType) -> bool:
    return pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind) or pt.is_binary_view(kind)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    return texts(column) if _is_bytes(column.type) else list(column.to_pylist())


def _each(convert: Callable[[Any], int], value: Any) -> int | None:
    """Convert a value; None if it is missing or cannot be converted."""
    try:
        number = None if value is None or isinstance(value, bool) else convert(value)
    except (ValueError, TypeError, OverflowError, ArithmeticError):
        return None
    return number if number is not None and abs(number) < 1 << 63 else None


def _size(value: Any) -> int:
    with suppress(ValueError):
        if isinstance(value, str):
            return int(value)
    number = float(value)
    if not number.is_integer():
        raise ValueError(f"{value} is not a whole number")
    return int(number)


def _microseconds(value: Any) -> int:
    """Return the microseconds since 1970."""
    if isinstance(value, datetime.datetime | datetime.date):
        value = value.isoformat()
    if not isinstance(value, str):
        return math.floor(float(value) * 1e6)
    with suppress(ValueError):
        return int(value)
    with suppress(ValueError):
        return math.floor(float(value) * 1e6)
    time = datetime.datetime.fromisoformat(value)
    return (time.replace(tzinfo=time.tzinfo or datetime.UTC) - _EPOCH) // datetime.timedelta(microseconds=1)
