"""Does throughput grow with the nodes, and does the driver stay small? A simulated run on one machine.

The nodes are nodes of Ray with one CPU each; a stand-in for the network sleeps as long as an image is said to take, so
that all else is measured: planning, sharing out, fetching, committing, counting. The throughput is taken while every
process is at work, as starting eight of them on a small machine takes longer than on eight machines. Prints JSON.
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

from osrmac.pages.charts import Line, LineChart, svg

ROOT = Path(__file__).parents[1]
OPTIONS = "--backbone resnet18 --weights random:0 --image-sizes 64 --recipes single --device cpu --shard-rows 5"


def simulate(nodes: int, images: int, folder: Path) -> dict[str, float]:
    """Describe so many images a node on so many nodes."""
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
        command = ["extract", str(photos), str(folder / "run"), "--workers", str(nodes), *OPTIONS.split()]
        environment = {**os.environ, "RAY_ADDRESS": cluster.address}
        driver = subprocess.Popen([sys.executable, "-m", "osrmac", *command], env=environment, cwd=ROOT)
        _, status, usage = os.wait4(driver.pid, 0)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
    assert status == 0
    return {"nodes": nodes, "images/s": throughput(log), "driver's peak MB": round(usage.ru_maxrss / 1024)}


def throughput(log: Path) -> float:
    """Images a second from when the last process has begun to when the first one ends."""
    times = defaultdict(list)
    for line in log.read_text().splitlines():
        process, time = line.split()
        times[process].append(float(time))
    begun, ended = max(map(min, times.values())), min(map(max, times.values()))
    done = sum(begun < time <= ended for of_process in times.values() for time in of_process)
    return round(done / (ended - begun), 3)


def draw(found: list[dict[str, Any]], path: Path) -> None:
    nodes = [each["nodes"] for each in found]
    measured = [(each["nodes"], each["images/s"]) for each in found]
    proportional = [(number, found[0]["images/s"] * number / nodes[0]) for number in nodes]
    lines = [Line("measured", measured), Line("in proportion", proportional, dashed=True)]
    highest = max(rate for _, rate in measured + proportional)
    title, description = "Throughput of simulated nodes", f"{measured[-1][1]:g} images/s on {nodes[-1]} nodes."
    chart = LineChart(title, "nodes", "images/s", lines, description, ticks=nodes, y_range=(0, highest))
    path.write_text(svg([chart]), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--images", type=int, default=20, help="of each node")
    parser.add_argument("--seconds", type=float, default=2.0, help="that an image takes")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    os.environ["STANDIN_SECONDS"] = str(options.seconds)
    os.environ["PYTHONPATH"] = f"{ROOT / 'benchmarks' / 'standin'}:{ROOT}"
    found = []
    with tempfile.TemporaryDirectory(prefix="scaling-", dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder  # nobody else's Ray is to find these clusters
        for nodes in options.nodes:
            found.append(simulate(nodes, options.images, Path(folder) / str(nodes)))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    for each in found:
        each["efficiency"] = round(each["images/s"] / each["nodes"] / (found[0]["images/s"] / found[0]["nodes"]), 3)
    if options.figure:
        draw(found, options.figure)
    print(json.dumps({"seconds an image": options.seconds, "images a node": options.images, "runs": found}, indent=2))


if __name__ == "__main__":
    main()
