"""An open run finds what `osrmac.search` finds, whether its vectors are held in memory or read again."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osrmac.commands.prune import prune
from osrmac.commands.search import search
from osrmac.config import PruneConfig, SearchConfig
from osrmac.descriptor.regions import region_boxes
from osrmac.errors import PruningError, StorageError
from osrmac.runs import open_run, query_describer
from osrmac.runs.methods import Method
from osrmac.runs.open_run import OpenRun, state
from osrmac.runs.shard_reader import Block
from osrmac.storage import shards
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.run import Run
from tests.prunable_run import FAILED, IMAGES, copied, prunable_run
from tests.tiny_run import SIZE, tiny_run

DESCRIBED = sorted(set(IMAGES) - {FAILED})


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the disk its time."""
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with a reduction; tests must not change it."""
    return prunable_run(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def regional(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose images have a vector for each of their regions; tests must not change it."""
    vectors = np.random.default_rng(3).normal(size=(5, len(region_boxes(19, 25, SIZE)), 8))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    images = {f"{number}.png": regions for number, regions in enumerate(vectors)}
    return tiny_run(tmp_path_factory.mktemp("regional") / "run", {"rmac_regions": images})


@pytest.fixture(scope="module")
def two_recipes(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two recipes, by the nearer of which images are compared; tests must not change it."""
    rng = np.random.default_rng(5)
    names = [f"{number:02d}.png" for number in range(9)]
    recipes = {recipe: {name: rng.normal(size=6) for name in names} for recipe in ("osrmac", "osrmac_local")}
    return tiny_run(tmp_path_factory.mktemp("two") / "run", recipes, failed={"03x.png": ("read", "gone")})


@pytest.fixture(params=[True, False], ids=["held", "read again"])
def holding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:
        monkeypatch.setattr(open_run, "_SHARE_OF_MEMORY", 0)
    monkeypatch.setattr(open_run, "_JOINED", 4)
    return bool(request.param)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("whole", SearchConfig(method="osrmac")),
        ("whole", SearchConfig(method="osrmac-pfa-2", distance="l2", exact=True)),
        ("whole", SearchConfig(method="osrmac", query_expansion=3)),
        ("whole", SearchConfig(method="osrmac", distance="cosine", rerank="superglobal", rerank_top=7)),
        ("two_recipes", SearchConfig(method="osrmac+cam")),
        ("regional", SearchConfig(method="rmac_regions+match")),
    ],
    ids=["whole", "reduced", "query expansion", "re-ranking", "two recipes", "regions"],
)
def test_an_image_finds_what_a_search_finds(
    name: str, options: SearchConfig, holding: bool, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(name)
    opened = OpenRun(run, options)
    assert (opened._blocks is not None) == holding
    for image in opened.ids[::9]:
        (expected,) = search(run.url, [image], replace(options, top=30))
        found = opened.search(opened.vectors(image), 30)
        assert [match.id for match in found] == [match.id for match in expected.matches]
        np.testing.assert_allclose(
            [match.distance for match in found], [match.distance for match in expected.matches], atol=1e-6
        )
        assert [replace(match, distance=0, score=None) for match in found] == [
            replace(match, distance=0, score=None) for match in expected.matches
        ]
        assert opened.search(opened.vectors(image), 3) == found[:3]
    assert any(match.box for match in found) == (name == "regional")


def test_images_that_are_left_out_change_nothing_but_the_results(whole: Run, holding: bool) -> None:
    for options in (SearchConfig(), SearchConfig(query_expansion=3)):
        opened = OpenRun(whole, options)
        vectors = opened.vectors(DESCRIBED[0])
        everything = opened.search(vectors, 30)
        left_out = {match.id for match in everything[:5]}
        found = opened.search(vectors, 30, left_out)
        assert [match.id for match in found] == [match.id for match in everything[5:]]
        assert opened.search(vectors, 30, opened.ids) == []
    opened = OpenRun(whole, SearchConfig(rerank="superglobal"))
    assert opened.search(vectors, 30, opened.ids) == []


def test_images_are_found_among_shards_whose_ids_overlap(tmp_path: Path, holding: bool) -> None:
    vectors = {f"{number}.png": [float(number), 1.0] for number in range(9)}
    run = tiny_run(tmp_path / "run", {"osrmac": {name: vectors[name] for name in sorted(vectors)[::2]}})
    failed = {"35.png": ("read", "gone")}
    added = tiny_run(
        tmp_path / "added", {"osrmac": {name: vectors[name] for name in sorted(vectors)[1::2]}}, failed=failed
    )
    for number, shard in enumerate(shards.paths(added.descriptors)):
        shutil.copy(shard, Path(run.descriptors) / f"added-{number}.parquet")
    opened = OpenRun(run)
    assert (len(opened), opened.ids) == (10, sorted(vectors))
    for name, vector in vectors.items():
        np.testing.assert_array_equal(opened.vectors(name), [[vector]])
        assert opened.search(opened.vectors(name), 1)[0].uri == f"/photos/{name}"
    (row,) = [opened.row("35.png")]
    assert row is not None
    assert (row["error"], row["shard"].name.startswith("added")) == ("gone", True)


def test_rows_say_where_images_are_and_why_they_failed(whole: Run) -> None:
    opened = OpenRun(whole)
    assert (len(opened), opened.described, opened.ids) == (len(IMAGES), len(DESCRIBED), DESCRIBED)
    for image in IMAGES:
        row = opened.row(image)
        assert row is not None
        assert image in shards.read(row["shard"], ["id"])["id"].to_pylist()
        assert row["uri"].endswith(image)
        assert (row["error"] is None) == (image != FAILED)
    assert opened.row("other.png") is None
    assert opened.row("") is None


def test_the_method_is_that_of_a_search(whole: Run, tmp_path: Path) -> None:
    assert OpenRun(whole).method.name == search(whole.url, DESCRIBED[:1]).method
    run = copied(whole, tmp_path)
    run.set_search_method("osrmac", "osrmac-pfa-2")
    assert OpenRun(run).method.name == search(run.url, DESCRIBED[:1]).method == "osrmac-pfa-2"


@pytest.mark.parametrize("change", ["images", "reductions", "prune"])
def test_the_state_changes_with_the_run(change: str, whole: Run, tmp_path: Path) -> None:
    run = copied(whole, tmp_path)
    before = OpenRun(run)
    changes: dict[str, Callable[[], object]] = {
        "images": lambda: run.finish_stage("extract", 1.0, images=21),
        "reductions": lambda: run.set_search_method("osrmac", "osrmac-pfa-2"),
        "prune": lambda: _prune(run, tmp_path),
    }
    assert state(run) == before.state
    changes[change]()
    assert state(run) != before.state
    assert OpenRun(run).version != before.version


def _prune(run: Run, folder: Path) -> None:
    (folder / "photos" / DESCRIBED[0]).unlink()
    prune(run.url, PruneConfig(yes=True))


def test_an_index_is_used_and_no_vectors_are_held(whole: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    options = SearchConfig(method="osrmac-pfa-2", top=len(DESCRIBED))
    by_scan = OpenRun(whole, replace(options, exact=True))
    opened = OpenRun(whole, options)
    assert opened.searched == "index over 19 of 19 images, 200 candidates compared exactly"
    assert by_scan.searched == "all images compared"
    monkeypatch.setattr(open_run, "read_blocks", lambda *_: pytest.fail("read"))
    for image in DESCRIBED[:3]:
        query = by_scan.vectors(image)
        assert [vector.tolist() for vector in opened.vectors(image)] == [vector.tolist() for vector in query]
        for outside in (frozenset[str](), frozenset(DESCRIBED[1:9])):
            assert opened.search(query, 5, outside) == by_scan.search(query, 5, outside)


def test_a_run_that_is_being_pruned_is_not_opened(whole: Run, tmp_path: Path) -> None:
    run = copied(whole, tmp_path)
    Journal(run.location).write([], Facts(1, 1))
    with pytest.raises(PruningError, match="is being pruned"):
        OpenRun(run)
    with pytest.raises(PruningError, match="is being pruned"):
        state(run)


def test_a_run_without_descriptors_is_not_opened(whole: Run, tmp_path: Path) -> None:
    run = copied(whole, tmp_path)
    shutil.rmtree(tmp_path / "run" / "descriptors")
    with pytest.raises(StorageError, match="no descriptors yet"):
        OpenRun(run)
    with pytest.raises(StorageError, match="no run at"):
        OpenRun(Run(str(tmp_path / "gone")))


@pytest.mark.parametrize("joined", [1, 3, 4, 20, 50])
def test_blocks_are_joined_in_order(joined: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_run, "_JOINED", joined)
    vectors = np.arange(40, dtype=np.float32).reshape(20, 2)
    sizes = [3, 1, 7, 0, 9]
    starts = np.cumsum([0, *sizes])
    blocks = [
        Block([str(row) for row in range(start, start + size)], (vectors[start : start + size],))
        for start, size in zip(starts, sizes, strict=False)
    ]
    found = list(open_run._joined(blocks))
    assert [len(block.ids) for block in found[:-1]] == [joined] * (len(found) - 1)
    assert [image for block in found for image in block.ids] == [str(row) for row in range(20)]
    np.testing.assert_array_equal(np.concatenate([block.vectors[0] for block in found]), vectors)
    assert blocks == []


def test_the_network_is_loaded_once_by_whichever_thread_is_first(
    finished: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = OpenRun(finished, SearchConfig(method="single"))
    loaded: list[Run] = []

    class Counted(query_describer.QueryDescriber):
        def __init__(self, run: Run, method: Method) -> None:
            loaded.append(run)
            super().__init__(run, method)

    monkeypatch.setattr(query_describer, "QueryDescriber", Counted)
    threads = [threading.Thread(target=opened.load_network) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 1

    content = (photos / "odd" / "03.png").read_bytes()
    for described, stored in zip(opened.describe("x", content), opened.vectors("odd/03.png"), strict=True):
        np.testing.assert_allclose(described, stored, atol=1e-5)
    with pytest.raises(StorageError, match="x cannot be described, it failed at decode"):
        opened.describe("x", b"no picture")
    assert len(loaded) == 1
