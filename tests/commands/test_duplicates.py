"""Near-duplicates against networkx on distances by scipy, and copies of photographs."""

import shutil
from pathlib import Path

import networkx
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from skimage import data

from osrmac.commands import duplicates as module
from osrmac.commands.duplicates import duplicates
from osrmac.commands.extract import extract
from osrmac.config import ComputeConfig, DescriptorConfig, DuplicatesConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.runs.near_duplicates import vector_pieces
from osrmac.runs.near_duplicates.calibration import load_calibrations
from osrmac.runs.near_duplicates.groups import Duplicates
from osrmac.runs.near_duplicates.stored import load_duplicates
from osrmac.storage import shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run


def ids(found: Duplicates) -> list[tuple[str, ...]]:
    return [tuple(image.id for image in group) for group in found.groups]


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


@pytest.mark.parametrize(
    ("local", "exact", "piece"), [(20_000, False, 2048), (20_000, False, 1), (1, True, 2048), (1, False, 2048)]
)
def test_groups_are_connected_components_wherever_vectors_are_compared(
    finished: Run, monkeypatch: pytest.MonkeyPatch, local: int, exact: bool, piece: int
) -> None:
    monkeypatch.setattr(module, "_SMALL", local)
    monkeypatch.setattr(vector_pieces, "_PIECE", piece)
    threshold, wanted = expected(finished, "single")
    found = duplicates(finished.url, DuplicatesConfig(method="single", threshold=threshold, exact=exact))
    assert max(map(len, wanted)) > 2
    assert set(map(frozenset, ids(found))) == wanted.keys()
    for group in found.groups:
        distances = wanted[frozenset(image.id for image in group)]
        np.testing.assert_allclose([each.distance for each in group], [distances[each.id] for each in group], atol=1e-5)
    sizes = [len(group) for group in found.groups]
    assert sizes == sorted(sizes, reverse=True)


def test_copies_are_grouped_and_described(finished: Run) -> None:
    found = duplicates(finished.url, DuplicatesConfig(threshold=0, method="single"))
    assert ids(found) == [
        (f"copy{number}.png", f"{'odd' if number % 2 else 'even'}/{number:02d}.png") for number in range(5)
    ]
    folder = finished.record()["images"]
    kept = found.groups[3][0]
    assert (kept.id, kept.uri, kept.width, kept.height) == ("copy3.png", f"{folder}/copy3.png", 90 + 7 * 3, 120)
    assert (kept.distance, kept.keep, kept.size) == (0.0, True, Path(kept.uri).stat().st_size)
    assert (found.reason, found.agreement, found.compared) == ("as given", None, 5)
    stored = load_duplicates(finished)
    assert stored is not None
    assert (stored.duplicates, stored.same, stored.stale) == (found, None, "")


def test_images_are_compared_with_those_of_another_run(finished: Run, other: Run) -> None:
    options = DuplicatesConfig(threshold=0, method="single", against=other.url)
    found = duplicates(finished.url, options)
    kept = load_duplicates(finished)
    assert kept is None or kept.duplicates != found
    shared = shards.read_vectors(shards.paths(other.descriptors), "single").ids
    assert set(shared) < {image.id for group in found.groups for image in group}
    for group in found.groups:
        assert [image.keep for image in group] == [image.run == other.url for image in group]
        assert {image.run for image in group} == {finished.url, other.url}


def test_a_run_is_not_compared_with_itself_or_with_other_descriptors(finished: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is the run itself"):
        duplicates(finished.url, DuplicatesConfig(against=finished.url))
    record = finished.record()
    values = record["identity"] | {"scales": [1]}
    from osrmac.config import fingerprint

    Location.of(tmp_path / "run.json").write_json(record | {"identity": values, "fingerprint": fingerprint(values)})
    with pytest.raises(StorageError, match="made with other settings"):
        duplicates(finished.url, DuplicatesConfig(against=str(tmp_path)))


def test_too_many_pairs_are_refused(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_PAIRS", 10)
    with pytest.raises(ConfigError, match="more than 10 pairs of images are within the distance"):
        duplicates(finished.url, DuplicatesConfig(threshold=1000))


def test_a_run_without_descriptors_is_refused(tmp_path: Path, finished: Run) -> None:
    Location.of(tmp_path / "run.json").write_json(finished.record())
    with pytest.raises(StorageError, match="no descriptors yet"):
        duplicates(str(tmp_path))


def test_a_run_without_described_images_is_refused(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"single": {"a": [1.0]}})
    (shard,) = shards.paths(run.descriptors)
    rows = shards.read(shard)
    place = rows.column_names.index("status")
    shards.write_table(shard, rows.set_column(place, rows.schema.field(place), [["failed"]]))
    with pytest.raises(StorageError, match="has no described images: see osrmac info"):
        duplicates(run.url)


def test_regions_are_not_compared_with_each_other(tmp_path: Path) -> None:
    regions = {"a.png": [[1.0, 0.0]], "b.png": [[1.0, 0.0], [0.0, 1.0]]}
    options = DuplicatesConfig(threshold=0.5)
    only_regions = tiny_run(tmp_path / "only", {"rmac_regions": regions})
    with pytest.raises(ConfigError, match="only vectors of regions"):
        duplicates(only_regions.url, options)
    both = tiny_run(tmp_path / "both", {"rmac_regions": regions, "rmac": {name: [1, 0] for name in regions}})
    assert duplicates(both.url, options).method == "rmac"


def test_a_single_image_has_no_near_duplicates(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"single": {"a": [1.0]}})
    assert duplicates(run.url, DuplicatesConfig(threshold=1)).groups == ()
    with pytest.raises(ConfigError, match="no distance separates"):
        duplicates(run.url, DuplicatesConfig(same="scene"))


PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket", "cat", "page", "camera", "coins", "moon", "clock")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory, small: DescriptorConfig, one_worker: ComputeConfig) -> Run:
    """A run of ten photographs, and copies of three: half as large, in grey, and cropped."""
    folder = tmp_path_factory.mktemp("photographs")
    images = {name: Image.fromarray(getattr(data, name)()).convert("RGB") for name in PHOTOGRAPHS}
    images["half"] = images["astronaut"].resize((256, 256))
    images["grey"] = images["coffee"].convert("L")
    images["crop"] = images["rocket"].crop((15, 10, 620, 410))
    del images["cat"]  # the same as chelsea
    for name, image in images.items():
        image.save(folder / f"{name}.jpg", quality=90)
    run = Run(str(tmp_path_factory.mktemp("run") / "run"))
    assert extract(str(folder), run.url, small, one_worker).failed == 0
    return run


COPIES = {
    frozenset({"astronaut.jpg", "half.jpg"}),
    frozenset({"coffee.jpg", "grey.jpg"}),
    frozenset({"crop.jpg", "rocket.jpg"}),
}


@pytest.mark.integration
def test_copies_of_photographs_are_found_without_a_threshold(photographs: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = duplicates(photographs.url)
    assert set(map(frozenset, ids(found))) == COPIES
    assert found.agreement is not None
    assert found.agreement > 0.5
    assert found.reason == "for copies at a precision of 0.99"
    assert {group[0].id for group in found.groups} == {"astronaut.jpg", "coffee.jpg", "rocket.jpg"}
    (calibration,) = load_calibrations(photographs)
    assert found.threshold == calibration.reach  # type: ignore[union-attr]

    monkeypatch.setattr(module, "_FEW_PAIRS", 0)  # the pixels are compared by Ray
    again = duplicates(photographs.url, DuplicatesConfig(groups="complete", keep="first"))
    assert set(map(frozenset, ids(again))) == COPIES
    assert [group[0].id for group in again.groups] == ["astronaut.jpg", "coffee.jpg", "crop.jpg"]


@pytest.mark.integration
def test_pairs_of_images_that_cannot_be_read_again_are_counted(
    photographs: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(str(tmp_path / "run"))
    duplicates(photographs.url)
    shutil.copytree(photographs.url, run.url)
    (shard, *_) = [path for path in shards.paths(run.descriptors) if "half.jpg" in shards.read(path)["id"].to_pylist()]
    rows = shards.read(shard)
    uris = [
        "/gone" if image == "half.jpg" else uri
        for image, uri in zip(rows["id"].to_pylist(), rows["uri"].to_pylist(), strict=True)
    ]
    place = rows.column_names.index("uri")
    shards.write_table(shard, rows.set_column(place, rows.schema.field(place), [uris]))
    found = duplicates(run.url)
    assert found.unreadable > 0
    assert (
        f"{found.unreadable} of {found.compared} pairs are left out: an image of each cannot be read"
        in capsys.readouterr().err
    )
    assert set(map(frozenset, ids(found))) == COPIES - {frozenset({"astronaut.jpg", "half.jpg"})}


def test_images_that_are_all_gone_cannot_be_calibrated(finished: Run, tmp_path: Path) -> None:
    run = Run(str(tmp_path / "run"))
    shutil.copytree(finished.url, run.url)
    for shard in shards.paths(run.descriptors):
        rows = shards.read(shard)
        place = rows.column_names.index("uri")
        shards.write_table(shard, rows.set_column(place, rows.schema.field(place), [["/gone"] * len(rows)]))
    with pytest.raises(
        StorageError, match=r"only 0 of 26 images of .* could be read.*give --threshold, or --same scene"
    ):
        duplicates(run.url)


def test_a_collection_without_shots_of_one_scene_has_no_threshold(tmp_path: Path) -> None:
    vectors = {f"{number}": row for number, row in enumerate(np.random.default_rng(0).normal(size=(60, 64)))}
    run = tiny_run(tmp_path / "run", {"single": vectors})
    with pytest.raises(ConfigError, match="no distance separates shots of one scene from others"):
        duplicates(run.url, DuplicatesConfig(same="scene"))


def test_scenes_are_found_by_their_vectors_alone(finished: Run, run: Run) -> None:
    found = duplicates(run.url, DuplicatesConfig(same="scene", min_precision=0.5))
    assert found.agreement is None
    assert found.reason == "for shots of one scene at a precision of 0.5"
    grouped = {image.id for group in found.groups for image in group}
    assert {f"copy{number}.png" for number in range(5)} <= grouped
