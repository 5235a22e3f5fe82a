import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from osrmac.errors import ConfigError, OsrmacError
from osrmac.runs.reductions.projection_file import read_projection

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)
BIAS = np.array([0.5, -1], np.float32)


def write(path: Path, weight: object = WEIGHT, bias: object = BIAS) -> str:
    arrays = {name: value for name, value in {"weight": weight, "bias": bias}.items() if value is not None}
    if path.suffix == ".npz":
        np.savez(path, **arrays)  # type: ignore[arg-type]
    else:
        tensors = {f"fc.{name}": torch.as_tensor(value) for name, value in arrays.items()}
        if path.suffix == ".safetensors":
            pytest.importorskip("safetensors.torch").save_file(tensors, path)
        else:
            torch.save({"state_dict": tensors, "epoch": 3}, path)
    return str(path)


@pytest.mark.parametrize("name", ["p.npz", "p.pt", "p.safetensors"])
def test_a_matrix_and_a_vector_are_read(tmp_path: Path, name: str) -> None:
    read = read_projection(write(tmp_path / name))
    np.testing.assert_array_equal(read.weight, WEIGHT)
    np.testing.assert_array_equal(read.bias, BIAS)
    assert read.weight.dtype == np.float64
    assert read.source == str(tmp_path / name)


def test_a_missing_vector_is_zero(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_projection(write(tmp_path / "p.npz", bias=None)).bias, [0, 0])


@pytest.mark.parametrize(
    ("weight", "bias", "message"),
    [
        (None, BIAS, r"expected one matrix and at most one vector, not arrays of shape \(2,\)"),
        (WEIGHT, WEIGHT, r"not arrays of shape \(2, 3\), \(2, 3\)"),
        (WEIGHT[None], BIAS, r"not arrays of shape \(1, 2, 3\), \(2,\)"),
        (WEIGHT, BIAS[:1], "its matrix has 2 rows, its vector 1"),
        (WEIGHT * np.nan, BIAS, "values that are not finite"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, weight: object, bias: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_projection(write(tmp_path / "p.npz", weight, bias))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no projection at .*p\.npz: check the path given with --projection"):
        read_projection(str(tmp_path / "p.npz"))


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed"),)


def test_no_code_of_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("p.npz", weight=np.array([_Evil()], dtype=object))
    torch.save({"weight": _Evil()}, "p.pt")
    Path("q.npz").write_bytes(pickle.dumps(_Evil()))
    for name in ("p.npz", "p.pt", "q.npz"):
        with pytest.raises(OsrmacError):
            read_projection(name)
    assert not Path("executed").exists()
