"""A cluster that adds nodes on demand, loses one during the run, and removes all of them at the end."""

import csv
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from benchmarks.standin.sitecustomize import vector
from osrmac.pages.charts import Line, LineChart, svg
from osrmac.storage import manifest, shards
from osrmac.storage.run import Run

from .heads import REPOSITORY, STANDIN, growing
from .watching import Nodes, counting

WORKERS, IMAGES, SHARD_ROWS = 3, 400, 4
OPTIONS = (
    "--backbone resnet18 --weights random:0 --image-sizes 64 --recipes single --device cuda "
    f"--max-workers {WORKERS} --shard-rows {SHARD_ROWS}"
)
TRACES = REPOSITORY / "build" / "cluster"


@pytest.mark.timeout(900)
def test_a_cluster_grows_and_shrinks_with_the_work_and_survives_the_loss_of_a_node(tmp_path: Path) -> None:
    contents = {f"{number:03d}.png": f"picture {number}".encode() for number in range(IMAGES)}
    photos, run, log = tmp_path / "photos", Run(str(tmp_path / "run")), tmp_path / "images"
    photos.mkdir()
    for name, content in contents.items():
        (photos / name).write_bytes(content)
    path = f"{STANDIN}:{REPOSITORY}"
    standin = {"PYTHONPATH": path, "STANDIN_SECONDS": "0.4", "STANDIN_LOG": str(log)}
    with growing(WORKERS, **standin) as cluster, counting(cluster) as nodes:
        wait_for(lambda: bool(nodes.trace))
        assert nodes.now == 0
        command = ["extract", str(photos), run.url, *OPTIONS.split()]
        process = cluster.osrmac(*command, log=tmp_path / "output")
        wait_for(lambda: nodes.now == WORKERS or process.poll() is not None)
        kill_node_of(worker_in_mid_shard(log, process))
        assert process.wait() == 0, (tmp_path / "output").read_text()
        wait_for(lambda: nodes.now == 0)
    keep(nodes)
    assert nodes.most == WORKERS

    rows = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.descriptors)).sort_by("id")
    assert rows["id"].to_pylist() == manifest.read_all(run.manifest, ["id"])["id"].sort().to_pylist() == [*contents]
    vectors = shards.read_vectors(shards.paths(run.descriptors), "single").values
    np.testing.assert_array_equal(vectors, np.stack([vector(content, 512) for content in contents.values()]))
    repeated = len(log.read_text().splitlines()) - IMAGES
    assert 0 <= repeated <= SHARD_ROWS
    recorded = run.record()["stages"]["extract"]["nodes"]
    assert max(entry["gpus"] for entry in recorded) == WORKERS
    print(f"grew to {nodes.most} nodes, lost one, described {repeated} of {IMAGES} images twice, shrank to none")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for a condition; the timeout of the test is the limit."""
    while not condition():
        time.sleep(0.2)


def worker_in_mid_shard(log: Path, run: "subprocess.Popen[bytes]") -> psutil.Process:
    """Wait for a worker that has just described the first image of a shard."""
    while True:
        assert run.poll() is None, "the run ended before a node could be killed"
        lines = log.read_text().splitlines() if log.exists() else []
        counts = Counter(line.partition(" ")[0] for line in lines)
        if lines and counts[last := lines[-1].partition(" ")[0]] % SHARD_ROWS == 1:
            return psutil.Process(int(last))
        time.sleep(0.05)


def kill_node_of(process: psutil.Process) -> None:
    """Kill the raylet of a worker, and with it all processes of its node, like the loss of a spot instance."""
    raylet = process.parent()
    assert raylet is not None
    assert raylet.name() == "raylet"
    raylet.kill()
    process.wait()


def keep(nodes: Nodes) -> None:
    """Write the trace as data and as a chart."""
    TRACES.mkdir(parents=True, exist_ok=True)
    with (TRACES / "nodes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("seconds", "workers"), *((round(at, 1), count) for at, count in nodes.trace)])
    steps = [point for (_, before), (at, count) in pairwise(nodes.trace) for point in ((at, before), (at, count))]
    lines = [Line("worker nodes", [*nodes.trace[:1], *steps])]
    description = f"From none to {nodes.most} and back."
    chart = LineChart("Worker nodes", "seconds", "worker nodes", lines, description, y_range=(0, WORKERS))
    (TRACES / "nodes.svg").write_text(svg([chart]), encoding="utf-8")
