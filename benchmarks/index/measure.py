"""Build time, memory, size, recall and speed of the index of a run."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil

from benchmarks.common import ROOT, Vector
from benchmarks.index.synthetic_run import progress
from osrmac.config import Distance, SearchConfig
from osrmac.retrieval.distances import distances
from osrmac.runs.index_search.choice import describe, index_searcher, open_images
from osrmac.runs.methods import choose_method
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks
from osrmac.storage.run import Run

TOP = 10
SINGLE = 50
"""Queries that are searched one by one."""

Neighbours = list[list[str]]
"""Ids of the nearest images, for each query."""


def build(run: Run, distance: Distance) -> dict[str, float]:
    """Build the index by the command; return its seconds, and the peak memory of all processes in MB."""
    command = [sys.executable, "-m", "osrmac", "index", run.url, "--distance", distance, "--rebuild"]
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr)
    peak = 0
    while process.poll() is None:
        peak = max(peak, _memory(psutil.Process(process.pid)))
        time.sleep(0.5)
    if process.returncode:
        raise SystemExit("osrmac index failed")
    return {"seconds": round(time.monotonic() - started, 1), "peak MB": peak // 10**6}


def _memory(process: psutil.Process) -> int:
    """Return the proportional set size of a process and of those that it started, in bytes."""
    total = 0
    for each in [process, *process.children(recursive=True)]:
        try:
            total += each.memory_full_info().pss
        except psutil.Error:
            continue
    return total


def exact(run: Run, queries: Vector, wanted: Sequence[Distance]) -> dict[Distance, Neighbours]:
    """Return the nearest images by each distance, by one scan."""
    best: dict[Distance, list[tuple[Vector, Any]]] = {distance: [] for distance in wanted}
    method, within = choose_method(run, None), list_shards(run)
    for number, block in enumerate(read_blocks(run, method, within), 1):
        for distance in wanted:
            compared = distances(queries, block.vectors[0], distance)
            nearest = np.argpartition(compared, min(TOP, compared.shape[1] - 1), axis=1)[:, :TOP]
            best[distance].append((np.take_along_axis(compared, nearest, 1), np.array(block.ids, object)[nearest]))
        if number % 25 == 0:
            progress(f"{number} of {len(within)} shards scanned")
    return {distance: list(_merged(of)) for distance, of in best.items()}


def _merged(parts: Sequence[tuple[Vector, Any]]) -> Iterator[list[str]]:
    compared, ids = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    for row, names in zip(compared, ids, strict=True):
        yield names[np.argsort(row, kind="stable")[:TOP]].tolist()


def search(url: str, queries: Vector, distance: Distance, candidates: int, threads: int) -> dict[str, Any]:
    """Search by the index, in a process of its own: milliseconds and memory, and the ids found."""
    faiss.omp_set_num_threads(threads)
    run, options = Run(url), SearchConfig(top=TOP, distance=distance, candidates=candidates)
    before = psutil.Process().memory_full_info().uss
    started = time.perf_counter()
    within = list_shards(run)
    images = open_images(run, choose_method(run, None), within, options)
    assert images is not None
    opened = time.perf_counter() - started

    def found(vectors: Vector) -> tuple[Neighbours, float]:
        started = time.perf_counter()
        matches = index_searcher(images, options, "cpu").nearest([vectors], TOP)
        return [[match.id for match in of] for of in matches], 1000 * (time.perf_counter() - started) / len(vectors)

    first = [found(queries[row : row + 1])[1] for row in range(SINGLE)]
    again = [found(queries[row : row + 1])[1] for row in range(SINGLE)]
    neighbours, batch = found(queries)
    by_index = time.perf_counter()
    for row in range(SINGLE):
        images.find(queries[row : row + 1], candidates)
    by_index = 1000 * (time.perf_counter() - by_index) / SINGLE
    by_id = time.perf_counter()
    for of_query in neighbours[:SINGLE]:
        find_rows(of_query[:1], within)
    by_id = 1000 * (time.perf_counter() - by_id) / SINGLE
    return {
        "searched": describe(images, options),
        "seconds to open": round(opened, 2),
        "ms, one query, first time": round(float(np.median(first)), 1),
        "ms, one query": round(float(np.median(again)), 1),
        "of which in the index": round(by_index, 1),
        "ms, in a batch": round(batch, 1),
        "ms to find an image by its id": round(by_id),
        "MB of its own": (psutil.Process().memory_full_info().uss - before) // 10**6,
        "MB with mapped files": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
        "neighbours": neighbours,
    }


def recall(actual: Neighbours, expected: Neighbours) -> float:
    """Return the share of the nearest images that were found."""
    shares = [len(set(one) & set(other)) / len(other) for one, other in zip(actual, expected, strict=True)]
    return round(float(np.mean(shares)), 4)


def size(folder: Path) -> int:
    """Return the size of a folder in MB."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 10**6
