"""Measure the web application: start, searches of one client and of several at once, and memory. Prints JSON.

Searches go through the JSON API. Each image, each upload and each box is searched for once, so that nothing is answered
from a cache. The images of the run must be where they were described.
"""

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil

from benchmarks.common import ROOT, parser, show
from osrmac.runs.open_run import OpenRun
from osrmac.storage.location import Location
from osrmac.storage.run import Run

Request = Callable[[http.client.HTTPConnection], None]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("run")
    options.add_argument("--requests", type=int, default=100)
    options.add_argument("--clients", type=int, default=8)
    chosen = options.parse_args()
    result: dict[str, Any] = {"images": 0, "threads": chosen.threads}
    with served(chosen.run, chosen.threads) as (process, address, started):
        client = http.client.HTTPConnection(address)
        ask(client, "GET", "/")
        result["seconds to the first page"] = round(time.perf_counter() - started, 2)
        result["images"], searches = requests(chosen.run, client, chosen.requests * (1 + chosen.clients))
        for name, of_kind in searches.items():
            of_kind.pop()(client)  # waits for the network
            one, several = of_kind[: chosen.requests], of_kind[chosen.requests :]
            result[name] = {
                "1 client": milliseconds(one, address, 1),
                f"{chosen.clients} clients": milliseconds(several[: chosen.requests], address, chosen.clients),
            }
        result["peak memory, MB"] = round(process.memory_full_info().rss / 1e6)
    show(result)
