"""Plain data from a pickle, without running what it asks for."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from osrmac.errors import reason

__all__ = ["unpickle"]


def unpickle(content: bytes) -> Any:
    """The dicts, lists, texts and numbers in a pickle; numpy's arrays become flat lists, its scalars numbers.

    A pickle may name any function and have it called. Here every name but numpy's few is refused, and even those
    stand for the functions below: numpy's own trust the state that they are given.

    Raises:
        ValueError: The content is no pickle, or names anything else; the message is one line.
    """
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(reason(error)) from error


class _DType:
    """For `numpy.dtype`: a type's code, to which the state adds the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.code = state[1] + self.code


class _Array(list[Any]):
    """For `numpy.ndarray`: empty until the state brings the values."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, _shape, dtype, _fortran, data = state
        self[:] = _values(data, dtype)


def _values(data: bytes, dtype: _DType, *_: object) -> list[Any]:
    if not re.fullmatch(r"[<>|][iufU]\d+", dtype.code):
        raise pickle.UnpicklingError(f"an array of {dtype.code!r} is no plain data")
    values: list[Any] = np.frombuffer(data, dtype.code).tolist()
    return values


def _scalar(dtype: _DType, data: bytes) -> Any:
    return _values(data, dtype)[0]


def _bytes(text: str = "", _encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


_STAND_INS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _DType,
    "numpy.ndarray": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _values,
    # What protocols before 3 make of bytes.
    "_codecs.encode": _bytes,
    "__builtin__.bytes": _bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        full_name = f"{module}.{name}".replace("numpy.core.", "numpy._core.")
        if full_name not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {full_name!r}, which is no plain data")
        return _STAND_INS[full_name]
