"""Reader of pickles that hold plain data and numpy arrays, without executing anything that they name."""

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
    """Return the dicts, lists, strings and numbers of a pickle; numpy arrays become flat lists, scalars numbers.

    A pickle can name any function and have it called. Every name is refused here, except the few that numpy uses
    to restore arrays, which are replaced by the functions below, as numpy's own trust their arguments.

    Raises:
        ValueError: The content is not a pickle, or needs another name; the message is one line.
    """
    try:
        return _Unpickler(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ValueError(reason(error)) from error


class _DType:
    """Substitute for `numpy.dtype`: a type code, to which the state adds the byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.code = state[1] + self.code


class _Array(list[Any]):
    """Substitute for `numpy.ndarray`: a list that is empty until the state brings the values."""

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, _shape, dtype, _fortran, data = state
        self[:] = _values(data, dtype)


def _values(data: bytes, dtype: _DType, *_: object) -> list[Any]:
    if not re.fullmatch(r"[<>|][iufU]\d+", dtype.code):
        raise pickle.UnpicklingError(f"arrays of {dtype.code!r} are not plain data")
    values: list[Any] = np.frombuffer(data, dtype.code).tolist()
    return values


def _scalar(dtype: _DType, data: bytes) -> Any:
    return _values(data, dtype)[0]


def _bytes(text: str = "", _encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


_SUBSTITUTES: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _DType,
    "numpy.ndarray": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _values,
    # Bytes, in pickle protocols before 3.
    "_codecs.encode": _bytes,
    "__builtin__.bytes": _bytes,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        # numpy before version 2 had numpy.core.
        full_name = f"{module}.{name}".replace("numpy.core.", "numpy._core.")
        if full_name not in _SUBSTITUTES:
            raise pickle.UnpicklingError(f"it names {full_name!r}, which is not plain data")
        return _SUBSTITUTES[full_name]
