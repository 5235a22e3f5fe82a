"""Compare the speed of exact search with the flat index of FAISS. Prints JSON."""

from collections.abc import Callable
from functools import partial
from typing import Any

import faiss
import numpy as np
import torch

from benchmarks.common import Vector, interleaved, parser, ratio, rounded, show
from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.retrieval.topk import nearest

METRICS: dict[Distance, int] = {"l1": faiss.METRIC_L1, "l2": faiss.METRIC_L2}

BASELINE = "FAISS flat"
BLOCK = 40_000


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--vectors", type=int, default=100_000)
    options.add_argument("--dimensions", type=int, default=768)
    options.add_argument("--queries", type=int, default=16)
    options.add_argument("--top", type=int, default=10)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    faiss.omp_set_num_threads(chosen.threads)
    rng = np.random.default_rng(0)
    database = rng.random((chosen.vectors, chosen.dimensions), np.float32)
    queries = rng.random((chosen.queries, chosen.dimensions), np.float32)
    result: dict[str, Any] = {"threads": chosen.threads, "vectors": chosen.vectors, "queries": chosen.queries}
    for distance, metric in METRICS.items():
        index = faiss.IndexFlat(chosen.dimensions, metric)
        index.add(database)
        methods: dict[str, Callable[[], object]] = {
            BASELINE: partial(index.search, queries, chosen.top),
            "osrmac": partial(search, queries, database, chosen.top, distance),
        }
        times = interleaved(methods, chosen.rounds)
        expected = index.search(queries, chosen.top)[1]
        agreement = np.mean(search(queries, database, chosen.top, distance) == expected)
        result[distance] = {**rounded(times), "ratio": ratio(times, BASELINE, "osrmac"), "agreement": float(agreement)}
    show(result)


def search(queries: Vector, database: Vector, number: int, distance: Distance) -> list[list[int]]:
    """Return the rows of the nearest vectors, searching blocks of the size of the largest shards."""
    blocks = ((start, database[start : start + BLOCK]) for start in range(0, len(database), BLOCK))
    compared = (
        ("", [f"{start + row:09d}" for row in range(len(block))], distances(queries, block, distance))
        for start, block in blocks
    )
    return [[int(match.id) for match in matches] for matches in nearest(compared, len(queries), number)]


if __name__ == "__main__":
    main()
