"""Poll the metrics and the nodes of a cluster while a test uses it."""

import json
import re
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .heads import Head

_SAMPLE = re.compile(r"^ray_(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>\S+)$", re.MULTILINE)


@dataclass
class Metrics:
    """Last value of every series seen, including those of processes that have ended."""

    series: dict[tuple[str, str], float] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """Return the sum over all processes of the series with this name and these labels."""
        required = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value
            for (series, text), value in self.series.items()
            if series == name and all(label in text.split(",") for label in required)
        )


@contextmanager
def scraping(cluster: Head) -> Iterator[Metrics]:
    """Scrape the Prometheus endpoint of a head's node repeatedly."""
    metrics = Metrics()
    url = f"http://{cluster.host}:{cluster.ports['metrics-export-port']}/metrics"

    def scrape() -> None:
        for sample in _SAMPLE.finditer(_get(cluster, url)):
            metrics.series[sample["name"], sample["labels"]] = float(sample["value"])

    with _repeatedly(scrape):
        yield metrics


@dataclass
class Nodes:
    """Number of worker nodes over time, as (seconds, nodes)."""

    trace: list[tuple[float, int]] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.trace[-1][1] if self.trace else 0

    @property
    def most(self) -> int:
        return max(workers for _, workers in self.trace)


@contextmanager
def counting(cluster: Head) -> Iterator[Nodes]:
    """Count the live worker nodes repeatedly."""
    nodes = Nodes()
    started = time.monotonic()

    def count() -> None:
        response = json.loads(_get(cluster, f"{cluster.dashboard}/api/v0/nodes"))
        alive = [node for node in response["data"]["result"]["result"] if node["state"] == "ALIVE"]
        nodes.trace.append((time.monotonic() - started, sum(not node["is_head_node"] for node in alive)))

    with _repeatedly(count):
        yield nodes


@contextmanager
def _repeatedly(poll: Callable[[], None]) -> Iterator[None]:
    done = threading.Event()

    def loop() -> None:
        while not done.wait(0.5):
            poll()

    watcher = threading.Thread(target=loop, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _get(cluster: Head, url: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {cluster.environment['RAY_AUTH_TOKEN']}"})
    with urllib.request.urlopen(request) as response:
        content: bytes = response.read()
    return content.decode()
