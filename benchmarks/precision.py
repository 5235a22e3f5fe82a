"""Compare descriptors in bf16 and fp16 with those in fp32: cosines, nearest neighbours and mean average precision.

The last needs a ground truth. Prints JSON.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import fmean
from typing import get_args

import numpy as np
import torch

from benchmarks.common import Vector, add_backbone, cosine, descriptor, parser, read_images, show
from osrmac.config import Precision
from osrmac.descriptor.describer import Describer, Description
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.retrieval.distances import distances, ranking
from osrmac.runs.scan import LocalComparison
from osrmac.runs.scoring import query_results
from osrmac.storage.location import Location
from osrmac.storage.reading.text_files import read_files

NEIGHBOURS = 10


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "auto")
    options.add_argument("--images", required=True)
    options.add_argument("--limit", type=int, help="number of images")
    options.add_argument("--benchmark", default="oxford5k")
    options.add_argument("--ground-truth")
    options.add_argument("--precision", nargs="+", choices=get_args(Precision), default=get_args(Precision))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    images = read_images(chosen.images, chosen.limit)
    vectors = {}
    for precision in ("fp32", *(name for name in chosen.precision if name != "fp32")):
        describer = Describer.load(descriptor(chosen, precision=precision))
        described = [result for result in describer(list(images.values())) if isinstance(result, Description)]
        vectors[precision] = np.stack([description.vectors["osrmac"] for description in described])
    score_of = scorer(list(images), chosen) if chosen.ground_truth else None
    exact = vectors.pop("fp32")
    show(
        {
            "images": len(exact),
            **({"fp32": {"mAP": score_of(exact)}} if score_of else {}),
            **{
                precision: compare(exact, rounded) | ({"mAP": score_of(rounded)} if score_of else {})
                for precision, rounded in vectors.items()
            },
        }
    )


def compare(exact: Vector, rounded: Vector) -> dict[str, float]:
    cosines = [cosine(*pair) for pair in zip(exact, rounded, strict=True)]
    orders = [ranking(distances(vectors, vectors, "l1"))[:, 1 : NEIGHBOURS + 1] for vectors in (exact, rounded)]
    shared = [len(np.intersect1d(*pair)) / NEIGHBOURS for pair in zip(*orders, strict=True)]
    equal = [np.array_equal(*pair) for pair in zip(*orders, strict=True)]
    return {
        "lowest cosine": round(min(cosines), 6),
        "mean cosine": round(float(np.mean(cosines)), 6),
        "shared nearest neighbours": round(float(np.mean(shared)), 4),
        "equal nearest neighbours": round(float(np.mean(equal)), 4),
    }


def scorer(images: list[str], chosen: argparse.Namespace) -> Callable[[Vector], float]:
    names = [name.rsplit(".", 1)[0] for name in images]
    truth = read_files(Location.of(chosen.ground_truth))
    benchmark = protocols.load(chosen.benchmark, truth, collection=names, subset=True).on(names, subset=True)
    return partial(score, benchmark, names)


def score(benchmark: Benchmark, names: list[str], vectors: Vector) -> float:
    """Mean average precision of whole-image queries by L1 distance, in percent."""
    queries = benchmark.modes["whole"]
    query_vectors = vectors[[names.index(query.image) for query in queries]]
    compared = LocalComparison([("", names, distances(query_vectors, vectors, "l1"))])
    results = query_results(benchmark, queries, compared, dict(zip(names, names, strict=True)))
    return round(fmean(result.values[benchmark.measures[0]] for result in results), 2)


if __name__ == "__main__":
    main()
