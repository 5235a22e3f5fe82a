"""Near-duplicates against networkx on distances by scipy."""

from pathlib import Path

import networkx
import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial.distance import cdist

from osrmac.commands.duplicates import duplicates
from osrmac.config import DuplicatesConfig
from osrmac.errors import StorageError
from osrmac.runs import near_duplicates as module
from osrmac.runs.near_duplicates import Twin
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run


def expected(run: Run, recipe: str) -> tuple[float, dict[frozenset[str], dict[str, float]]]:
    """Return a threshold above a tenth of all distances, and the groups, with the nearest distance of each image."""
    found = shards.read_vectors(shards.paths(run.descriptors), recipe)
    distances = cdist(found.values.astype(float), found.values.astype(float), "cityblock")
    between = np.sort(distances[np.triu_indices(len(distances), 1)])
    threshold = float(between[len(between) // 10 : len(between) // 10 + 2].mean())
    np.fill_diagonal(distances, np.inf)
    graph = networkx.from_numpy_array(distances <= threshold)
    groups = [group for group in networkx.connected_components(graph) if len(group) > 1]
    nearest = [{found.ids[row]: distances[row].min() for row in group} for group in groups]
    return threshold, {frozenset(group): group for group in nearest}


@pytest.mark.parametrize(("piece", "panel"), [(2048, 256_000_000), (1, 1), (1, 5 * 4 * 512)])
def test_groups_are_connected_components_whatever_the_block_sizes(
    finished: Run, monkeypatch: pytest.MonkeyPatch, piece: int, panel: int
) -> None:
    monkeypatch.setattr(module, "_PIECE", piece)
    monkeypatch.setattr(module, "_PANEL_BYTES", panel)
    threshold, wanted = expected(finished, "single")
    found = duplicates(finished.url, DuplicatesConfig(method="single", threshold=threshold))
    assert max(map(len, wanted)) > 2
    assert {frozenset(image.id for image in group) for group in found.groups} == wanted.keys()
    for group in found.groups:
        distances = wanted[frozenset(image.id for image in group)]
        np.testing.assert_allclose([each.distance for each in group], [distances[each.id] for each in group], atol=1e-5)
    sizes = [len(group) for group in found.groups]
    assert sizes == sorted(sizes, reverse=True)


def test_copies_are_grouped_and_described(finished: Run) -> None:
    found = duplicates(finished.url, DuplicatesConfig(threshold=0, method="single"))
    assert [tuple(image.id for image in group) for group in found.groups] == [
        (f"copy{number}.png", f"{'odd' if number % 2 else 'even'}/{number:02d}.png") for number in range(5)
    ]
    folder = finished.record()["images"]
    assert found.groups[3][0] == Twin("copy3.png", f"{folder}/copy3.png", 90 + 7 * 3, 120, 0.0)
    assert found.reason == "as given"


def test_a_threshold_is_suggested(finished: Run) -> None:
    found = duplicates(finished.url)
    assert found.method == "osrmac+cam"
    assert {f"copy{number}.png" for number in range(5)} <= {image.id for group in found.groups for image in group}
    assert "suggested by the distances of 26 images" in found.reason
    assert found.threshold > 0


def test_the_image_with_most_pixels_is_first_in_its_group(run: Run) -> None:
    (shard,) = (path for path in shards.paths(run.descriptors) if shards.read(path)["id"].to_pylist() == ["odd/01.png"])
    table = shards.read(shard)
    place = table.column_names.index("width")
    shards.write_table(shard, table.set_column(place, table.schema.field(place), pa.array([5000], pa.int32())))
    found = duplicates(run.url, DuplicatesConfig(threshold=0, method="single"))
    assert ["odd/01.png", "copy1.png"] in [[image.id for image in group] for group in found.groups]


def test_a_run_without_descriptors_is_refused(tmp_path: Path, finished: Run) -> None:
    Location.of(tmp_path / "run.json").write_json(finished.record())
    with pytest.raises(StorageError, match="no descriptors yet"):
        duplicates(str(tmp_path))
