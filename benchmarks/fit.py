"""Measure time and memory of feature selection: leverage and PFA on accumulated moments, numpy.cov and k-means.

Each method runs in a process of its own, whose peak memory is measured. Prints JSON.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from multiprocessing.queues import Queue

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from benchmarks.common import parser, show
from osrmac.reduction.leverage import LeverageSelection
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis

BLOCK = 4096

Steps = dict[str, float]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--samples", type=int, default=20_000)
    options.add_argument("--dimensions", type=int, default=3072)
    options.add_argument("--features", type=int, default=768)
    chosen = options.parse_args()
    size = chosen.samples, chosen.dimensions, chosen.features
    show(
        {
            "samples, dimensions, features": size,
            "osrmac": in_a_process(accumulated, chosen.threads, *size),
            "numpy and scikit-learn": in_a_process(in_memory, chosen.threads, *size),
        }
    )


def blocks(samples: int, dimensions: int) -> Iterator[NDArray[np.float32]]:
    """Descriptors that vary mostly along few axes, as real ones do."""
    rng = np.random.default_rng(0)
    axes = rng.normal(size=(300, dimensions)) * np.exp(-np.arange(300) / 80)[:, None]
    for start in range(0, samples, BLOCK):
        rows = min(BLOCK, samples - start)
        noise = rng.normal(size=(rows, dimensions), scale=0.1)
        yield (rng.normal(size=(rows, 300)) @ axes + noise).astype(np.float32)


def accumulated(samples: int, dimensions: int, features: int) -> Steps:
    started = time.process_time()
    for _ in blocks(samples, dimensions):
        pass
    generation = time.process_time() - started
    started = time.process_time()
    moments = Moments.of_parts(blocks(samples, dimensions))
    covariance = time.process_time() - started - generation
    started = time.process_time()
    _ = moments.principal_axes  # cached
    axes = time.process_time() - started
    started = time.process_time()
    LeverageSelection(features).fit_moments(moments)
    leverage = time.process_time() - started
    started = time.process_time()
    PrincipalFeatureAnalysis(features).fit_moments(moments)
    pfa = time.process_time() - started
    return {"covariance": covariance, "principal axes": axes, "then leverage": leverage, "then PFA": pfa}


def in_memory(samples: int, dimensions: int, features: int) -> Steps:
    matrix = np.concatenate(list(blocks(samples, dimensions)))
    started = time.process_time()
    covariance = np.cov(matrix, rowvar=False)
    spent = time.process_time() - started
    started = time.process_time()
    values, axes = np.linalg.eigh(covariance)
    kept = int(np.searchsorted((values[::-1] / values.sum()).cumsum(), 0.95)) + 1
    KMeans(features, n_init=10, random_state=0).fit(axes[:, ::-1][:, :kept])
    return {"covariance": spent, "principal axes and k-means": time.process_time() - started}


def in_a_process(steps: Callable[[int, int, int], Steps], threads: int, *size: int) -> Steps:
    """Processor time of each step in seconds, and peak memory of the process in gigabytes."""
    context = multiprocessing.get_context("spawn")
    results: Queue[Steps] = context.Queue()
    process = context.Process(target=measure, args=(results, steps, threads, *size))
    process.start()
    measured = results.get()
    process.join()
    return {name: round(value, 2) for name, value in measured.items()}


def measure(results: "Queue[Steps]", steps: Callable[[int, int, int], Steps], threads: int, *size: int) -> None:
    with threadpool_limits(threads):
        measured = steps(*size)
    results.put(measured | {"peak, GB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6})


if __name__ == "__main__":
    main()
