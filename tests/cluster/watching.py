"""What a cluster says of itself while something runs on it: its metrics, and its nodes."""

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
    """The last value of every series that was seen, those of processes that have ended, too."""

    series: dict[tuple[str, str], float] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """Of all processes."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            value
            for (found, text), value in self.series.items()
            if found == name and all(label in text.split(",") for label in wanted)
        )


@contextmanager
def scraping(cluster: Head) -> Iterator[Metrics]:
    """Read the metrics of a head's node as Prometheus does, over and over."""
    metrics = Metrics()
    url = f"http://{cluster.host}:{cluster.ports['metrics-export-port']}/metrics"

    def scrape() -> None:
        for found in _SAMPLE.finditer(_get(cluster, url)):
            metrics.series[found["name"], found["labels"]] = float(found["value"])

    with _repeatedly(scrape):
        yield metrics


@dataclass
class Nodes:
    """How many workers there were, and when."""

    trace: list[tuple[float, int]] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.trace[-1][1] if self.trace else 0

    @property
    def most(self) -> int:
        return max(workers for _, workers in self.trace)


@contextmanager
def counting(cluster: Head) -> Iterator[Nodes]:
    """Count the workers that are alive, over and over."""
    nodes = Nodes()
    started = time.monotonic()

    def count() -> None:
        answer = json.loads(_get(cluster, f"{cluster.dashboard}/api/v0/nodes"))
        alive = [node for node in answer["data"]["result"]["result"] if node["state"] == "ALIVE"]
        nodes.trace.append((time.monotonic() - started, sum(not node["is_head_node"] for node in alive)))

    with _repeatedly(count):
        yield nodes


@contextmanager
def _repeatedly(look: Callable[[], None]) -> Iterator[None]:
    done = threading.Event()

    def loop() -> None:
        while not done.wait(0.5):
            look()

    watcher = threading.Thread(target=loop, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _get(cluster: Head, url: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {cluster.environment['RAY_AUTH_TOKEN']}"})
    with urllib.request.urlopen(request) as answer:
        content: bytes = answer.read()
    return content.decode()
