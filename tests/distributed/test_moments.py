from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from osrmac.distributed import moments as module
from osrmac.distributed.moments import exact_moments, sample
from osrmac.errors import StorageError
from osrmac.reduction.moments import Moments
from osrmac.storage import schema, shards
from osrmac.storage.location import Location

SHARDS, ROWS, FEATURES = 82, 3, 4


def write_shards(folder: Path, values: NDArray[np.float32], shards_used: int) -> list[Location]:
    """Write descriptors (n, d) with the ids 000, 001, ... to shards of about equal size."""
    for number, part in enumerate(np.array_split(np.arange(len(values)), shards_used)):
        columns = {
            "id": [f"{row:03d}" for row in part],
            "status": [schema.OK] * len(part),
            "single": pa.FixedSizeListArray.from_arrays(pa.array(values[part].ravel()), values.shape[1]),
        }
        shards.write(Location.of(folder), pa.table(columns), f"part-{number:02d}.parquet")
    return shards.paths(Location.of(folder))


@pytest.fixture
def values() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(5, 1, (SHARDS * ROWS, FEATURES)).astype(np.float32)


def test_the_shards_of_a_small_run_do_not_change_a_bit(tmp_path: Path, values: NDArray[np.float32]) -> None:
    some = [exact_moments(write_shards(tmp_path / str(used), values, used), "single") for used in (1, 7, SHARDS)]
    for moments in some:
        np.testing.assert_array_equal(moments.mean, Moments.of(values).mean)
        np.testing.assert_array_equal(moments.scatter, Moments.of(values).scatter)


def test_a_tree_of_several_levels_gives_the_moments_of_all_shards(
    tmp_path: Path, values: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_SORTED_BYTES", 0)
    progress: list[tuple[int, int]] = []
    paths = write_shards(tmp_path, values, SHARDS)
    moments = exact_moments(paths, "single", lambda *counts: progress.append(counts))
    expected = Moments.of(values)
    assert moments.count == SHARDS * ROWS
    np.testing.assert_allclose(moments.mean, expected.mean, rtol=1e-12)
    np.testing.assert_allclose(moments.scatter, expected.scatter, rtol=1e-10)
    assert progress == [(leaf, 9) for leaf in range(1, 10)]  # 82 shards in leaves of 10


def test_one_shard_is_a_tree_without_branches(tmp_path: Path, values: NDArray[np.float32]) -> None:
    moments = exact_moments(write_shards(tmp_path, values, 1), "single")
    np.testing.assert_allclose(moments.mean, Moments.of(values).mean, rtol=1e-12)


def test_a_shard_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path, values: NDArray[np.float32]) -> None:
    paths = write_shards(tmp_path, values, 9)
    Path(paths[4]).write_bytes(b"not a Parquet file")
    with pytest.raises(StorageError) as caught:
        exact_moments(paths, "single")
    assert "part-04.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sample_does_not_depend_on_the_shards(tmp_path: Path, values: NDArray[np.float32]) -> None:
    few, many = (write_shards(tmp_path / str(number), values, number) for number in (2, 9))
    drawn = sample(few, "single", 20, seed=3)
    assert drawn.shape == (20, FEATURES)
    np.testing.assert_array_equal(drawn, sample(many, "single", 20, seed=3))
    assert not np.array_equal(drawn, sample(few, "single", 20, seed=4))
