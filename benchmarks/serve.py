"""Measure the web application: its start, pages of one client and of several at once, and its memory. Prints JSON.

Each page shows the first results of another query, from the request to the last byte of the page, without its pictures.
The files of the images must be where they were described.
"""

import http.client
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from benchmarks.common import parser, show
from osrmac.runs.open_run import OpenRun
from osrmac.storage.run import Run

Client = http.client.HTTPConnection
Search = Callable[[Client], None]

BOUNDARY = "0123456789abcdef"
SHARES = (0.0, 0.1, 0.2, 0.3)
"""Where boxes begin, and how far from the right and lower edge they end, relative to the picture."""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("run")
    options.add_argument("--searches", type=int, default=100)
    options.add_argument("--clients", type=int, default=8)
    chosen = options.parse_args()
    images = OpenRun(Run(chosen.run))
    result: dict[str, Any] = {"images": images.described, "threads": chosen.threads}
    started = time.perf_counter()
    with served(chosen.run, chosen.threads) as (address, process):
        client = Client(address)
        fetch(client, "/")
        result["seconds to the first page"] = round(time.perf_counter() - started, 2)
        upload(client, content(images, images.ids[-1]))  # waits for the network
        result["seconds to the first upload"] = round(time.perf_counter() - started, 2)
        result["resident megabytes then"] = resident(process, "VmRSS")
        for name, searches in kinds(images).items():
            alone, together = (list(itertools.islice(searches, chosen.searches)) for _ in range(2))
            result[f"milliseconds by {name}"] = {
                "1 client": milliseconds(alone, address, 1),
                f"{chosen.clients} clients": milliseconds(together, address, chosen.clients),
            }
        result["resident megabytes at most"] = resident(process, "VmHWM")
    show(result)


@contextmanager
def served(run: str, threads: int) -> Iterator[tuple[str, int]]:
    """Serve a run; yield host and port, and the id of the process."""
    command = [sys.executable, "-m", "osrmac", "serve", run, "--port", "0", "--format", "json", "--quiet"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield urlsplit(json.loads(process.stdout.readline())["url"]).netloc, process.pid
        finally:
            process.terminate()


def kinds(images: OpenRun) -> dict[str, Iterator[Search]]:
    """Searches of each kind without end; no box is repeated, so that its description is never one that is held."""

    def by_id() -> Iterator[Search]:
        for image in itertools.cycle(images.ids):
            yield partial(fetch, path=f"/search?{urlencode({'id': image})}")

    def by_upload() -> Iterator[Search]:
        for image in itertools.cycle(images.ids):
            yield partial(upload, picture=content(images, image))

    def by_box() -> Iterator[Search]:
        for shares in itertools.product(SHARES, repeat=4):
            for image in images.ids:
                query = urlencode({"id": image, "box": box(images, image, shares)})
                yield partial(fetch, path=f"/search?{query}")

    return {"id": by_id(), "upload": by_upload(), "box": by_box()}


def content(images: OpenRun, image: str) -> bytes:
    row = images.row(image)
    assert row is not None
    return Path(row["uri"]).read_bytes()


def box(images: OpenRun, image: str, shares: tuple[float, ...]) -> str:
    row = images.row(image)
    assert row is not None
    left, top, right, bottom = shares
    width, height = row["width"], row["height"]
    return f"{left * width:.0f} {top * height:.0f} {(1 - right) * width:.0f} {(1 - bottom) * height:.0f}"


def fetch(client: Client, path: str) -> None:
    client.request("GET", path)
    answer = client.getresponse()
    answer.read()
    assert answer.status == 200, f"{path}: {answer.status}"


def upload(client: Client, picture: bytes) -> None:
    """Send a picture as the form of a page does, and fetch the page of its results."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="picture"; filename="photo.jpg"\r\n\r\n'
    body = head.encode() + picture + f"\r\n--{BOUNDARY}--\r\n".encode()
    client.request("POST", "/search", body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"})
    answer = client.getresponse()
    answer.read()
    assert answer.status == 303, f"upload: {answer.status}"
    fetch(client, answer.headers["Location"])


def milliseconds(searches: list[Search], address: str, clients: int) -> dict[str, float]:
    """Median and 95th percentile of the times of searches, which a number of clients make one after the other."""

    def timed(of_client: list[Search]) -> list[float]:
        client = Client(address)
        times = [time.perf_counter()]
        for search in of_client:
            search(client)
            times.append(time.perf_counter())
        client.close()
        return np.diff(times).tolist()

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        times = list(
            itertools.chain.from_iterable(pool.map(timed, (searches[part::clients] for part in range(clients))))
        )
    median, most = np.quantile(times, [0.5, 0.95])
    each = (time.perf_counter() - started) / len(searches)
    return {name: round(1000 * value, 1) for name, value in (("median", median), ("95%", most), ("each", each))}


def resident(process: int, which: str) -> int:
    """Resident memory of a process in megabytes, now (`VmRSS`) or at most (`VmHWM`)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (kilobytes,) = (int(line.split()[1]) for line in lines if line.startswith(which))
    return round(kilobytes * 1024 / 1e6)


if __name__ == "__main__":
    main()
