"""Search and evaluation on two nodes: both take part, one is lost, and the answers are those of one process."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
from ray.cluster_utils import Cluster

from osrmac.commands.evaluate import evaluate
from osrmac.commands.search import search
from osrmac.config import ClusterConfig, ComputeConfig, EvaluationConfig, SearchClusterConfig, SearchConfig
from osrmac.distributed import scan
from osrmac.distributed.scan import Nodes
from osrmac.runs.methods import choose_method
from osrmac.runs.scan import Scan
from osrmac.runs.shard_reader import Block, Source, source
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

IDS = [f"{number:02d}" for number in range(60)]
MEMORY = 100_000_000


@pytest.fixture
def run(tmp_path: Path) -> Run:
    rows = np.random.default_rng(0).integers(0, 4, (len(IDS), 4))
    return tiny_run(tmp_path / "run", {"single": dict(zip(IDS, rows, strict=True))}, rows_per_shard=4)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(scan, "_PART", 100)
    head = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": MEMORY}
    started = Cluster(initialize_head=True, head_node_args=head)
    yield started
    ray.shutdown()
    started.shutdown()  # type: ignore[no-untyped-call]


def recorded(images: Source, folder: Path) -> Source:
    """The same images, of which each part leaves a file with the name of its node, and waits for one of another."""

    def read(within: Sequence[Location]) -> Iterator[Block]:
        node = ray.get_runtime_context().get_node_id()
        (folder / node).touch()
        while len(list(folder.iterdir())) == 1:
            time.sleep(0.05)
        return iter(images.read(within))

    return replace(images, read=read)


def test_all_nodes_scan_and_one_may_be_lost(run: Run, cluster: Cluster, tmp_path: Path) -> None:
    second = cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
    truth = tmp_path / "groups.csv"
    truth.write_text("\n".join(["id,group", *(f"{name},{number // 6}" for number, name in enumerate(IDS))]))
    searched = SearchConfig(query_run=run.url, top=5, query_expansion=2, rerank="superglobal", rerank_top=8)
    scored = EvaluationConfig(benchmark="groups", ground_truth=str(truth), rerank="superglobal", rerank_top=8)
    assert search(run.url, [], searched, SearchClusterConfig(address=cluster.address)) == search(run.url, [], searched)
    there = evaluate(run.url, scored, ComputeConfig(address=cluster.address))
    assert there == evaluate(run.url, scored)

    images = source(run, choose_method(run, "single"))
    queries = [np.zeros((2, 4), np.float32)]
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    lost: list[int] = []

    def lose_a_node(done: int, _total: int) -> None:
        if not lost:
            lost.append(done)
            cluster.remove_node(second, allow_graceful=False)

    found = Nodes(ClusterConfig(), on_progress=lose_a_node).scan([recorded(images, nodes)], "l1").nearest(queries, 9)
    assert lost == [1]
    assert found == Scan.of([images], "l1").nearest(queries, 9)
