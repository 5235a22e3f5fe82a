from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from osrmac.reduction.base import Projection, Selection
from osrmac.runs.reductions.reduced_reader import digest, read_reduced, read_regions, read_shard, summed
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

COMMON = {"recipe": "osrmac", "features_in": 3, "seed": 0, "samples": 9, "fitted_on": "/photos", "fingerprint": "f"}
SELECTION = Selection(name="osrmac-pfa-2", method="pfa", indices=(0, 2), **COMMON)  # type: ignore[arg-type]
VECTORS = {f"{number}.jpg": [number, 10 + number, 20 + number] for number in range(5)}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path, {"osrmac": VECTORS}, failed={"broken.jpg": ("decode", "the file is empty")})


def write_reduced(run: Run, digest: str, generation: int = 0) -> None:
    """Write zeros as the reduction of the first shard."""
    shard = shards.paths(run.descriptors)[0]
    ids = shards.described_ids(shard)
    zeros = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * len(ids), np.float32)), 2)
    table = pa.table([pa.array(ids), zeros], schema=schema.reduced(2, "f", digest))
    shards.write(run.reduced(SELECTION.name), table, shard.name, generation)


def test_descriptors_are_read_in_full_or_reduced(run: Run) -> None:
    shard = shards.paths(run.descriptors)[0]
    full, reduced = read_shard(run, shard, "osrmac", None), read_shard(run, shard, "osrmac", SELECTION)
    assert full.ids == reduced.ids
    np.testing.assert_array_equal(full.values, [VECTORS[name] for name in full.ids])
    np.testing.assert_array_equal(reduced.values, full.values[:, [0, 2]])


def test_a_current_reduced_shard_is_read_instead(run: Run) -> None:
    write_reduced(run, digest(SELECTION))
    assert not read_shard(run, shards.paths(run.descriptors)[0], "osrmac", SELECTION).values.any()


@pytest.mark.parametrize("stale", [("another digest", 0), (digest(SELECTION), 1)])
def test_a_stale_reduced_shard_is_not_read(run: Run, stale: tuple[str, int]) -> None:
    write_reduced(run, *stale)
    assert read_shard(run, shards.paths(run.descriptors)[0], "osrmac", SELECTION).values.any()


def test_a_reduced_shard_that_is_being_replaced_is_not_mixed_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_reduced(run, digest(SELECTION))
    shard, read = shards.paths(run.descriptors)[0], shards.read

    def replace_before_reading(file: Location, *columns: list[str]) -> pa.Table:
        monkeypatch.setattr(shards, "read", read)
        write_reduced(run, "digest of another fit")
        return read(file, *columns)

    monkeypatch.setattr(shards, "read", replace_before_reading)
    assert read_shard(run, shard, "osrmac", SELECTION).values.any()


def test_all_shards_are_reduced_and_sorted_by_id(run: Run) -> None:
    found = read_reduced(reversed(shards.paths(run.descriptors)), "osrmac", SELECTION)
    assert found.ids == sorted(VECTORS)
    np.testing.assert_array_equal(found.values, [[VECTORS[name][0], VECTORS[name][2]] for name in found.ids])


def test_reduced_regions_are_summed_to_unit_length(tmp_path: Path) -> None:
    regions = {"a.jpg": [[3, 0], [0, 4]], "b.jpg": [[0, 2]]}
    run = tiny_run(tmp_path, {"rmac_regions": regions})
    common = COMMON | {"recipe": "rmac_regions", "features_in": 2}
    whitening = Projection(
        name="w",
        method="whitening",
        axes=np.eye(2),
        offsets=np.zeros(2),
        **common,  # type: ignore[arg-type]
    )
    found = read_reduced(shards.paths(run.descriptors), "rmac_regions", whitening)
    np.testing.assert_allclose(found.values, [[0.5**0.5, 0.5**0.5], [0, 1]], rtol=1e-6)
    (shard,) = shards.paths(run.descriptors)
    each = read_regions(shard, "rmac_regions", whitening)
    np.testing.assert_allclose(each.values, [[1, 0], [0, 1], [0, 1]])
    assert (each.ids, np.asarray(each.regions).tolist()) == (["a.jpg", "b.jpg"], [2, 1])
    np.testing.assert_array_equal(summed(each).values, found.values)
    only = read_regions(shard, "rmac_regions", None, pa.array(["b.jpg"]))
    assert (only.ids, only.values.tolist(), summed(only).values.tolist()) == (["b.jpg"], [[0, 2]], [[0, 1]])


def test_vectors_without_regions_stay(run: Run) -> None:
    found = read_shard(run, shards.paths(run.descriptors)[0], "osrmac", None)
    assert summed(found) is found


def test_the_digest_depends_on_what_is_known_of_a_reduction() -> None:
    other = Selection(name="osrmac-pfa-2", method="pfa", indices=(0, 1), **COMMON)  # type: ignore[arg-type]
    assert len(digest(SELECTION)) == 64
    assert digest(other) != digest(SELECTION)


def test_projections_with_other_axes_have_other_digests() -> None:
    """Digests are cached by the reduction, whose axes are part of its identity, too."""
    fields = {"name": "w", "method": "whitening", "recipe": "osrmac", "features_in": 2, "seed": 0}
    fields |= {"samples": 9, "fitted_on": "photos", "fingerprint": "f", "offsets": np.zeros(2)}
    one, other = (Projection(axes=np.eye(2) * sign, **fields) for sign in (1, -1))  # type: ignore[arg-type]
    assert one != other
    assert digest(one) != digest(other)
