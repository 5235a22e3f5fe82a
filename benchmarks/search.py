"""How fast is exact search? Against the flat index of FAISS where that is installed, else against torch.cdist.

Prints JSON.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from benchmarks.measuring import Vector, interleaved, parser, ratio, rounded, show
from osrmac.config import Distance
from osrmac.retrieval.search import nearest

ORDERS: dict[Distance, int] = {"l1": 1, "l2": 2}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--vectors", type=int, default=100_000)
    options.add_argument("--dimensions", type=int, default=768)
    options.add_argument("--queries", type=int, default=16)
    options.add_argument("--top", type=int, default=10)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    rng = np.random.default_rng(0)
    database = rng.random((chosen.vectors, chosen.dimensions), np.float32)
    queries = rng.random((chosen.queries, chosen.dimensions), np.float32)
    result: dict[str, Any] = {"threads": chosen.threads, "vectors": chosen.vectors, "queries": chosen.queries}
    for distance in ORDERS:
        name, baseline = by_faiss(database, distance, chosen.threads) or ("torch.cdist", by_torch(database, distance))
        systems: dict[str, Callable[[], object]] = {
            name: partial(baseline, queries, chosen.top),
            "osrmac": partial(nearest, queries, [database], chosen.top, distance),
        }
        times = interleaved(systems, chosen.rounds)
        agreeing = np.mean(baseline(queries, chosen.top) == nearest(queries, [database], chosen.top, distance)[0])
        result[distance] = {**rounded(times), "ratio": ratio(times, name, "osrmac"), "agreeing": float(agreeing)}
    show(result)


Search = Callable[[Vector, int], Any]


def by_faiss(database: Vector, distance: Distance, threads: int) -> tuple[str, Search] | None:
    if find_spec("faiss") is None:
        return None
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(threads)
    index = faiss.IndexFlat(database.shape[1], faiss.METRIC_L1 if distance == "l1" else faiss.METRIC_L2)
    index.add(database)
    return "FAISS flat", lambda queries, top: index.search(queries, top)[1]


def by_torch(database: Vector, distance: Distance) -> Search:
    def search(queries: Vector, top: int) -> Any:
        apart = torch.cdist(torch.from_numpy(queries), torch.from_numpy(database), p=float(ORDERS[distance]))
        return apart.topk(top, largest=False).indices.numpy()

    return search


if __name__ == "__main__":
    main()
