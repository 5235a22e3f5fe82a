"""Pickles of plain data are read; any other is refused before it does anything."""

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
    """Pickled as a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return self.call


@every_protocol
def test_plain_data_comes_back(protocol: int) -> None:
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
def test_arrays_become_lists_and_scalars_numbers(array: np.ndarray[Any, Any], protocol: int) -> None:
    found = unpickle(pickle.dumps({"array": array, "again": array, "scalars": [*array]}, protocol))

    assert found == {"array": array.tolist(), "again": array.tolist(), "scalars": array.tolist()}
    assert [type(value) for value in found["scalars"]] == [type(value) for value in array.tolist()]


def test_arrays_of_older_numpy_are_read() -> None:
    """Before its version 2 numpy called its module numpy.core."""
    newer = pickle.dumps([np.array([3, 300]), np.int64(5)], protocol=2)
    older = newer.replace(b"numpy._core.", b"numpy.core.")

    assert older != newer
    assert unpickle(older) == [[3, 300], 5]


@every_protocol
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(protocol: int, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    malicious = pickle.dumps({"imlist": [], "more": Call(Path.touch, trace)}, protocol)
    pickle.loads(malicious)
    assert trace.exists(), "it would run"
    trace.unlink()

    with pytest.raises(ValueError, match="which is no plain data") as caught:
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
def test_the_function_asked_for_is_named(function: Callable[..., Any], name: str) -> None:
    with pytest.raises(ValueError, match=f"it asks for '{name}', which is no plain data"):
        unpickle(pickle.dumps(Call(function, "1 + 1"), protocol=4))


def test_a_name_of_several_lines_is_shown_in_one() -> None:
    with pytest.raises(ValueError, match=r"it asks for 'two\\nlines\.x'") as caught:
        unpickle(b"\x80\x04\x8c\x09two\nlines\x8c\x01x\x93.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "array", [np.array([{}], dtype=object), np.zeros(2, dtype="i4,f4"), np.zeros(2, dtype="V8")], ids=str
)
def test_arrays_of_anything_but_numbers_and_text_are_refused(array: np.ndarray[Any, Any]) -> None:
    for protocol in (2, 5):
        with pytest.raises(ValueError, match="is no plain data"):
            unpickle(pickle.dumps(array, protocol))


def test_a_pickle_that_is_cut_anywhere_is_refused_in_one_line() -> None:
    for protocol in (2, 5):
        whole = pickle.dumps([PLAIN, np.arange(3)], protocol)
        for length in range(len(whole)):
            with pytest.raises(ValueError, match=r"^[^\n]+$"):
                unpickle(whole[:length])


@pytest.mark.parametrize("content", [b"", b"\x00", b"PK\x03\x04", b"<html>\n</html>\n", b"\x80\x09.", b".", b"}b."])
def test_what_is_no_pickle_is_refused_in_one_line(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        unpickle(content)
