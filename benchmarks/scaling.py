"""Measure throughput and driver memory against the number of nodes, in a cluster simulated on one machine.

Each Ray node has one CPU. A stub sleeps in place of the network, so that the rest is measured: planning, scheduling,
fetching, committing and progress. Throughput is measured while all workers are running, because starting eight of them
on one small machine takes longer than on eight machines. Prints JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

from benchmarks.common import ROOT, extract_command
from osrmac.pages.charts import Line, LineChart, svg

OPTIONS = "--backbone resnet18 --weights random:0 --image-sizes 64 --recipes single --device cpu --shard-rows 5"


def simulate(nodes: int, images: int, folder: Path) -> dict[str, float]:
    """Extract a number of images per node on a number of nodes."""
    log = folder / "described"
    os.environ["STANDIN_LOG"] = str(log)
    photos = folder / "photos"
    photos.mkdir(parents=True)
    for number in range(nodes * images):
        (photos / f"{number:05d}.png").write_bytes(f"picture {number}".encode())
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=1)
        command = extract_command(str(photos), str(folder / "run"), "--workers", str(nodes), *OPTIONS.split())
        driver = subprocess.Popen(command, env={**os.environ, "RAY_ADDRESS": cluster.address}, cwd=ROOT)
        _, status, usage = os.wait4(driver.pid, 0)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
    assert status == 0
    return {"nodes": nodes, "images/s": throughput(log), "driver peak MB": round(usage.ru_maxrss / 1024)}


def throughput(log: Path) -> float:
    """Images per second from the start of the last worker to the end of the first one."""
    times = defaultdict(list)
    for line in log.read_text().splitlines():
        worker, time = line.split()
        times[worker].append(float(time))
    start, end = max(map(min, times.values())), min(map(max, times.values()))
    images = sum(start < time <= end for of_worker in times.values() for time in of_worker)
    return round(images / (end - start), 3)


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    nodes = [run["nodes"] for run in runs]
    measured = [(run["nodes"], run["images/s"]) for run in runs]
    linear = [(count, runs[0]["images/s"] * count / nodes[0]) for count in nodes]
    lines = [Line("measured", measured), Line("linear", linear, dashed=True)]
    highest = max(rate for _, rate in measured + linear)
    title, description = "Throughput of simulated nodes", f"{measured[-1][1]:g} images/s on {nodes[-1]} nodes."
    chart = LineChart(title, "nodes", "images/s", lines, description, ticks=nodes, y_range=(0, highest))
    path.write_text(svg([chart]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--images", type=int, default=20, help="images per node")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds per image")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    os.environ["STANDIN_SECONDS"] = str(options.seconds)
    os.environ["PYTHONPATH"] = f"{ROOT / 'benchmarks' / 'standin'}:{ROOT}"
    runs = []
    with tempfile.TemporaryDirectory(prefix="scaling-", dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder  # keeps other Ray processes from finding these clusters
        for nodes in options.nodes:
            runs.append(simulate(nodes, options.images, Path(folder) / str(nodes)))
            print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    per_node = runs[0]["images/s"] / runs[0]["nodes"]
    for run in runs:
        run["efficiency"] = round(run["images/s"] / run["nodes"] / per_node, 3)
    if options.figure:
        draw(runs, options.figure)
    print(json.dumps({"seconds per image": options.seconds, "images per node": options.images, "runs": runs}, indent=2))


if __name__ == "__main__":
    main()
