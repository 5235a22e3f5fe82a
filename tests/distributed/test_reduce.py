from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from osrmac.config import ComputeConfig
from osrmac.distributed import reduce
from osrmac.distributed.reduce import write_reduced
from osrmac.errors import StorageError
from osrmac.reduction.base import Selection
from osrmac.storage import shards
from osrmac.storage.run import Run


def selection(run: Run, indices: tuple[int, ...]) -> Selection:
    return Selection(
        name="first",
        method="pfa",
        recipe="single",
        features_in=512,
        seed=0,
        samples=26,
        fitted_on="photos",
        fingerprint=run.identity().fingerprint,
        indices=indices,
    )


def modified(run: Run) -> dict[str, int]:
    return {path.url: Path(path).stat().st_mtime_ns for path in shards.paths(run.reduced("first"))}


def test_every_shard_of_descriptors_has_a_reduced_copy(run: Run) -> None:
    write_reduced(run, selection(run, (3, 5)), ComputeConfig())
    for source in shards.paths(run.descriptors):
        reduced = shards.read(run.reduced("first") / source.name)
        vectors = shards.read_vectors([source], "single")
        assert reduced["id"].to_pylist() == vectors.ids
        np.testing.assert_array_equal(shards.matrix(reduced["vector"].combine_chunks()), vectors.values[:, [3, 5]])


def test_only_missing_and_outdated_shards_are_written(run: Run) -> None:
    progress: list[tuple[int, int]] = []
    write_reduced(run, selection(run, (3, 5)), ComputeConfig(), lambda *counts: progress.append(counts))
    number = len(shards.paths(run.descriptors))
    assert progress == [(done, number) for done in range(1, number + 1)]
    before = modified(run)
    missing = next(iter(before))
    Path(missing).unlink()
    write_reduced(run, selection(run, (3, 5)), ComputeConfig())
    after = modified(run)
    assert {path for path in before if before[path] != after[path]} == {missing}
    write_reduced(run, selection(run, (3, 6)), ComputeConfig())
    assert all(time != after[path] for path, time in modified(run).items())


def test_the_reduction_is_put_into_the_object_store_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: list[Any] = []

    class Recorder:
        def remote(self, *values: Any) -> Any:
            arguments.extend(value for value in values if isinstance(value, ray.ObjectRef))
            return ray.put(None)

    monkeypatch.setattr(reduce, "_reduce_shard", Recorder())
    write_reduced(run, selection(run, (3, 5)), ComputeConfig())
    assert len(arguments) == len(shards.paths(run.descriptors))
    assert len({reference.hex() for reference in arguments}) == 1


def test_a_shard_that_cannot_be_read_is_named_in_one_line(run: Run) -> None:
    damaged = Path(shards.paths(run.descriptors)[0])
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(StorageError) as caught:
        write_reduced(run, selection(run, (3, 5)), ComputeConfig())
    assert damaged.name in str(caught.value)
    assert "\n" not in str(caught.value)
