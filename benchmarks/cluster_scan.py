"""Time and answers of search and evaluation on clusters of several nodes, all of them on this machine. Prints JSON.

Each Ray node has one CPU, and each task one thread, so that no more nodes are faster than the machine has cores. The
collection is synthetic: unit vectors around random centres. One of fifty is a near-copy of another, which the
evaluation looks for. The answers are compared with those of this process without Ray, to the last bit.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.cluster_utils import Cluster

from benchmarks.common import parser, show
from benchmarks.device.vectors_run import write_run
from osrmac.commands.evaluate import evaluate
from osrmac.commands.search import search
from osrmac.config import ComputeConfig, EvaluationConfig, SearchClusterConfig, SearchConfig
from osrmac.storage import shards
from osrmac.storage.run import Run

PERIOD = 50
"""One of so many vectors of a shard is a near-copy: its second, its fifty-second, and so on."""

MEMORY = 200_000_000
"""Bytes of the object store of a node."""


def write_pairs(run: Run, number: int, file: Path) -> list[str]:
    """Write a ground truth of so many images and their near-copies, and return the images."""
    pairs: list[tuple[str, str]] = []
    for shard in shards.paths(run.descriptors):
        ids = shards.read(shard, ["id"])["id"].to_pylist()
        pairs += zip(ids[0::PERIOD], ids[1::PERIOD], strict=False)
    chosen = pairs[:: max(1, len(pairs) // number)][:number]
    rows = [
        f"{image},{group},{query}" for group, pair in enumerate(chosen) for query, image in zip("10", pair, strict=True)
    ]
    file.write_text("\n".join(["id,group,query", *rows]))
    return [image for image, _ in chosen]


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """Start a cluster of nodes with one CPU each, and give its address."""
    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": MEMORY}
    started = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes):
            started.add_node(num_cpus=1, object_store_memory=MEMORY)
        yield started.address
    finally:
        ray.shutdown()
        started.shutdown()  # type: ignore[no-untyped-call]


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = function()
    return result, round(time.perf_counter() - start, 1)


def both(run: Run, queries: list[str], truth: Path, address: str | None) -> tuple[Any, dict[str, float]]:
    """Search and evaluate, and return the answers and the seconds of each."""
    find = partial(search, run.url, queries, SearchConfig(method="osrmac"), SearchClusterConfig(address=address))
    options = EvaluationConfig(benchmark="groups", ground_truth=str(truth))
    score = partial(evaluate, run.url, options, ComputeConfig(address=address))
    found, searching = timed(find)
    scored, evaluating = timed(score)
    return (tuple(found), [each.results for each in scored.scores]), {"search, s": searching, "evaluate, s": evaluating}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--images", type=int, default=300_000)
    options.add_argument("--queries", type=int, default=500)
    options.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4])
    chosen = options.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="scan-", dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder  # keeps other Ray processes from finding these clusters
        run = write_run(Path(folder) / "run", chosen.images, chosen.threads)
        truth = Path(folder) / "pairs.csv"
        queries = write_pairs(run, chosen.queries, truth)
        expected, seconds = both(run, queries, truth, None)
        rows: list[dict[str, Any]] = [{"nodes": "this process, one thread", **seconds}]
        for nodes in chosen.nodes:
            with cluster(nodes) as address:
                search(run.url, queries[:1], SearchConfig(method="osrmac"), SearchClusterConfig(address=address))
                answers, seconds = both(run, queries, truth, address)
            rows.append({"nodes": nodes, **seconds, "equal answers": answers == expected})
    show({"images": chosen.images, "queries": len(queries), "cores": os.cpu_count(), "runs": rows})


if __name__ == "__main__":
    main()
