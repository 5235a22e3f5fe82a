from itertools import accumulate, combinations
from pathlib import Path

import numpy as np
import pytest

from osrmac.runs import near_duplicates
from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates import Collection, Twin
from osrmac.storage import shards
from tests.tiny_run import tiny_run

VALUES = np.array([0.0, 0.1, 5.0, 9.0, 9.3, 9.35, 20.0])
IDS = [f"{number}.jpg" for number in range(len(VALUES))]


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    """Images on a line, two in a shard."""
    vectors = {name: [value] for name, value in zip(IDS, VALUES, strict=True)}
    run = tiny_run(tmp_path, {"single": vectors}, sizes={"4.jpg": (900, 900)})
    within = shards.paths(run.descriptors)
    starts = (0, *accumulate(len(shards.described_ids(shard)) for shard in within))
    return Collection(run, Method("single", "single", ("single",)), within, starts, "l1", "cpu")


def order(collection: Collection) -> list[str]:
    """The ids in order of their positions."""
    return [name for shard in collection.shards for name in shards.described_ids(shard)]


@pytest.mark.parametrize(("piece", "panel"), [(2048, 256_000_000), (1, 1), (1, 12), (2, 4)])
def test_every_pair_within_the_threshold_is_found_once(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, piece: int, panel: int
) -> None:
    monkeypatch.setattr(near_duplicates, "_PIECE", piece)
    monkeypatch.setattr(near_duplicates, "_PANEL_BYTES", panel)
    ids = order(collection)
    found = {
        frozenset((ids[one], ids[other])): pytest.approx(distance, abs=1e-5)
        for pairs, distances in collection.pairs(0.5)
        for (one, other), distance in zip(pairs.tolist(), distances.tolist(), strict=True)
    }
    assert found == {
        frozenset(pair): apart
        for pair in combinations(IDS, 2)
        if (apart := abs(VALUES[IDS.index(pair[0])] - VALUES[IDS.index(pair[1])])) <= 0.5
    }
    assert sum(len(pairs) for pairs, _ in collection.pairs(0.5)) == len(found)


def test_a_threshold_is_suggested_between_copies_and_other_images(collection: Collection) -> None:
    threshold, origin = collection.suggested_threshold()
    assert 0.3 < threshold < 4
    assert origin.startswith("suggested by the distances of 7 images, the median of which is ")


def test_groups_and_their_members_are_sorted_by_size(collection: Collection) -> None:
    positions = {name: position for position, name in enumerate(order(collection))}
    members = [np.array(sorted(positions[f"{n}.jpg"] for n in group)) for group in ((0, 1), (3, 4, 5))]
    nearest = np.arange(7, dtype=np.float32)
    large, small = collection.describe_groups(members, nearest)
    assert [twin.id for twin in large] == ["4.jpg", "3.jpg", "5.jpg"]
    assert [twin.id for twin in small] == ["0.jpg", "1.jpg"]
    assert large[0] == Twin("4.jpg", "/photos/4.jpg", 900, 900, float(nearest[positions["4.jpg"]]))
