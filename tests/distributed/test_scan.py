"""Scans by Ray tasks against scans by this process: every method gives the same, to the last bit."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.config import ClusterConfig, Distance, EvaluationConfig, RefinementConfig
from osrmac.distributed import scan as module
from osrmac.distributed.scan import Nodes, parts
from osrmac.errors import ConfigError, StorageError
from osrmac.evaluation.benchmark import Benchmark, Query, by_id
from osrmac.runs.methods import Method
from osrmac.runs.refinement.expansion import expanded
from osrmac.runs.refinement.reranking import ranked
from osrmac.runs.scan import Scan
from osrmac.runs.scoring import scores
from osrmac.runs.shard_reader import source
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

IDS = [f"{number:02d}" for number in range(40)]
OUTSIDE = frozenset({"03", "17"})
BOTH = Method("both", "both", ("osrmac", "osrmac_local"))
REGIONS = Method("rmac_regions+match", "", ("rmac_regions",), regional=True, best_region=True)
NODES = Nodes(ClusterConfig())


def values(seed: int) -> dict[str, Any]:
    """Few different values, so that many distances are tied."""
    rows = np.random.default_rng(seed).integers(0, 3, (len(IDS), 3))
    return dict(zip(IDS, rows, strict=True))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipes = {"osrmac": values(0), "osrmac_local": values(1)}
    return tiny_run(tmp_path_factory.mktemp("run"), recipes, rows_per_shard=3)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PART", 200)


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Run:
    rng = np.random.default_rng(2)
    by_id: Mapping[str, Any] = {name: rng.integers(0, 3, (1 + number % 4, 3)) for number, name in enumerate(IDS)}
    return tiny_run(tmp_path_factory.mktemp("regions"), {"rmac_regions": by_id}, rows_per_shard=9)


def test_the_shards_are_divided_into_parts_of_a_size(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    images = source(run, BOTH)
    assert (images.size, len(images.shards)) == (40 * 2 * 3 * 4, 14)
    assert [list(part) for part in parts(images)] == [list(images.shards)]
    for size, number in ((960, 1), (959, 2), (200, 5), (1, 14)):
        monkeypatch.setattr(module, "_PART", size)
        found = parts(images)
        assert len(found) == number
        assert [shard for part in found for shard in part] == list(images.shards)
        assert max(map(len, found)) - min(map(len, found)) <= 1
    monkeypatch.setattr(module, "_PARTS", 3)
    assert len(parts(images)) == 3


@pytest.mark.integration
@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("distance", ["l1", "cosine"])
def test_a_cluster_finds_what_this_process_finds(run: Run, distance: Distance) -> None:
    queries = [np.stack([*values(seed).values()][:5]).astype(np.float32) for seed in (3, 4)]
    here = Scan.of([source(run, BOTH)], distance)
    there = NODES.scan([source(run, BOTH)], distance, OUTSIDE)
    assert there.of_all().nearest(queries, 7) == here.nearest(queries, 7)
    assert not OUTSIDE & {match.id for matches in there.nearest(queries, 40) for match in matches}
    for found, expected in zip(there.vectors(["01", "39", "x"]), here.vectors(["01", "39", "x"]), strict=True):
        assert found.keys() == expected.keys() == {"01", "39"}
        np.testing.assert_array_equal(found["39"], expected["39"])
    assert there.vectors(["x"]) == []
    averages = [expanded(images, queries, 3, 2.0) for images in (there.of_all(), here)]
    np.testing.assert_array_equal(averages[0], averages[1])
    options = RefinementConfig(rerank="superglobal", rerank_top=8)
    assert ranked(there.of_all(), queries, 10, options) == ranked(here, queries, 10, options)


@pytest.mark.integration
@pytest.mark.usefixtures("small_parts")
def test_a_cluster_scores_as_this_process_does(run: Run, regions: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = tuple(Query(name, name, frozenset(IDS[10:20]), frozenset({name, "20"})) for name in IDS[:3])
    benchmark = Benchmark("tiny", {"whole": queries}, ("mAP", "mP@5"), None, by_id, OUTSIDE)
    ids = dict(zip(IDS, IDS, strict=True))
    scanned: list[int] = []
    nodes = Nodes(ClusterConfig(), on_progress=lambda _, total: scanned.append(total))
    refined: dict[str, Any] = {"query_expansion": 2, "rerank": "superglobal", "rerank_top": 6}
    for place, method, options in (
        (run, BOTH, {"distractors": run.url, **refined}),
        (regions, REGIONS, {}),
    ):
        evaluation = EvaluationConfig(**options)
        arguments = (place, benchmark, place.queries("tiny"), ids, [method], evaluation)
        expected = list(scores(*arguments))
        assert list(scores(*arguments, spread=nodes)) == expected
        assert not scanned, "one node does not pay for a small collection"
        monkeypatch.setattr(module, "_IN_MEMORY", 0)
        assert list(scores(*arguments, spread=nodes)) == expected
        assert max(scanned) > 2
        scanned.clear()
        monkeypatch.undo()
        monkeypatch.setattr(module, "_PART", 200)


@pytest.mark.integration
def test_an_error_of_a_task_is_the_error_of_the_scan(tmp_path: Path) -> None:
    damaged = tiny_run(tmp_path / "run", {"osrmac": values(0)}, rows_per_shard=30)
    images = source(damaged, Method("osrmac", "osrmac", ("osrmac",)))
    Path(shards.paths(damaged.descriptors)[1]).write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(StorageError) as caught:
        NODES.scan([images], "l1").nearest([np.zeros((1, 3), np.float32)], 3)
    assert "\n" not in str(caught.value)


def test_a_gpu_is_demanded_of_a_cluster_that_has_one() -> None:
    with pytest.raises(ConfigError, match="the cluster has no GPU"):
        Nodes(ClusterConfig(), "cuda").scan([], "l1")
