"""Pickles of plain data are read; all others are refused without executing them."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.evaluation.safe_pickle import unpickle

every_protocol = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
PLAIN = {"names": ["a", "b\n"], "numbers": [1, -2, 2**40, 0.5, True, None], "box": (1.0, 2.0), "bytes": b"\xff"}


class Call:
    """Object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


@every_protocol
def test_plain_data_is_restored(protocol: int) -> None:
    assert unpickle(pickle.dumps(PLAIN, protocol)) == PLAIN


@pytest.mark.parametrize(
    "array",
    [
        np.array([3, 1, 300]),
        np.array([3, 1, 300], dtype=">u2"),
        np.array([3, 1], dtype=np.int8),
        np.array([0.5, -1e300]),
        np.array([0.5], dtype=">f4"),
        np.arange(10)[::3],
        np.array([], dtype=np.int32),
        np.array([]),
        np.array(["a", "tower\u00e9"]),
    ],
    ids=lambda array: f"{len(array)} of {array.dtype.str}",
)
@every_protocol
def test_arrays_become_lists_and_scalars_become_numbers(array: np.ndarray[Any, Any], protocol: int) -> None:
    restored = unpickle(pickle.dumps({"array": array, "again": array, "scalars": [*array]}, protocol))

    assert restored == {"array": array.tolist(), "again": array.tolist(), "scalars": array.tolist()}
    assert [type(value) for value in restored["scalars"]] == [type(value) for value in array.tolist()]


def test_arrays_of_numpy_1_are_read() -> None:
    """numpy 1 names its module numpy.core."""
    newer = pickle.dumps([np.array([3, 300]), np.int64(5)], protocol=2)
    older = newer.replace(b"numpy._core.", b"numpy.core.")

    assert older != newer
    assert unpickle(older) == [[3, 300], 5]


@every_protocol
def test_a_pickle_that_calls_a_function_is_refused_without_the_call(protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    malicious = pickle.dumps({"imlist": [], "more": Call(Path.touch, trace)}, protocol)
    pickle.loads(malicious)
    assert trace.exists(), "pickle.loads calls the function"
    trace.unlink()

    with pytest.raises(ValueError, match="which is not plain data") as caught:
        unpickle(malicious)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (eval, "builtins.eval"),
        (getattr, "builtins.getattr"),
        (bytes.fromhex, "builtins.getattr"),
        (np.load, "numpy.load"),
        (np.fromfile, "numpy.fromfile"),
        (np.frombuffer, "numpy.frombuffer"),
    ],
)
def test_the_refused_name_is_shown(function: Callable[..., Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"it names '{name}', which is not plain data"):
        unpickle(pickle.dumps(Call(function, "1 + 1"), protocol=4))


def test_a_line_break_in_a_refused_name_is_escaped() -> None:
    with pytest.raises(ValueError, match=r"it names 'two\\nlines\.x'") as caught:
        unpickle(b"\x80\x04\x8c\x09two\nlines\x8c\x01x\x93.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array", [np.array([{}], dtype=object), np.zeros(2, dtype="i4,f4"), np.zeros(2, dtype="V8")], ids=str
)
def test_arrays_of_other_types_are_refused(array: np.ndarray[Any, Any]) -> None:
    for protocol in (2, 5):
        with pytest.raises(ValueError, match="not plain data"):
            unpickle(pickle.dumps(array, protocol))


def test_a_truncated_pickle_is_refused_in_one_line() -> None:
    for protocol in (2, 5):
        whole = pickle.dumps([PLAIN, np.arange(3)], protocol)
        for length in range(len(whole)):
            with pytest.raises(ValueError, match=r"^[^\n]+$"):
                unpickle(whole[:length])


@pytest.mark.parametrize("content", [b"", b"\x00", b"PK\x03\x04", b"<html>\n</html>\n", b"\x80\x09.", b".", b"}b."])
def test_other_content_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        unpickle(content)
