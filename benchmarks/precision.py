"""What do bf16 and fp16 change? Cosines to fp32, shared neighbours and, with a ground truth, mean average precision.

Prints JSON.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import get_args

import numpy as np
import torch

from benchmarks.measuring import Vector, add_backbone, cosine, descriptor, files, parser, show
from osrmac.config import Precision
from osrmac.descriptor.describer import Describer, Description
from osrmac.evaluation import protocols
from osrmac.evaluation.benchmark import Benchmark
from osrmac.retrieval.distances import distances, ranking
from osrmac.storage.location import Location
from osrmac.storage.text_files import read_files

NEIGHBOURS = 10


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "auto")
    options.add_argument("--images", required=True)
    options.add_argument("--most", type=int)
    options.add_argument("--benchmark", default="oxford5k")
    options.add_argument("--ground-truth")
    options.add_argument("--precision", nargs="+", choices=get_args(Precision), default=get_args(Precision))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    images = files(chosen.images, chosen.most)
    found = {}
    for precision in ("fp32", *(each for each in chosen.precision if each != "fp32")):
        describer = Describer.load(descriptor(chosen, precision=precision))
        described = [result for result in describer(list(images.values())) if isinstance(result, Description)]
        found[precision] = np.stack([of.vectors["osrmac"] for of in described])
    score_of = scoring(list(images), chosen) if chosen.ground_truth else None
    exact = found.pop("fp32")
    show(
        {
            "images": len(exact),
            **({"fp32": {"mAP": score_of(exact)}} if score_of else {}),
            **{
                precision: compare(exact, vectors) | ({"mAP": score_of(vectors)} if score_of else {})
                for precision, vectors in found.items()
            },
        }
    )


def compare(exact: Vector, rounded: Vector) -> dict[str, float]:
    cosines = [cosine(*pair) for pair in zip(exact, rounded, strict=True)]
    orders = (ranking(distances(vectors, vectors, "l1"))[:, 1 : NEIGHBOURS + 1] for vectors in (exact, rounded))
    shared = [len(np.intersect1d(*pair)) / NEIGHBOURS for pair in zip(*orders, strict=True)]
    return {
        "lowest cosine": round(min(cosines), 6),
        "mean cosine": round(float(np.mean(cosines)), 6),
        "shared of the nearest ten": round(float(np.mean(shared)), 4),
    }


def scoring(images: list[str], chosen: argparse.Namespace) -> Callable[[Vector], float]:
    names = [name.rsplit(".", 1)[0] for name in images]
    truth = read_files(Location.of(chosen.ground_truth))
    benchmark = protocols.load(chosen.benchmark, truth, collection=names, subset=True).on(names, subset=True)
    return partial(score, benchmark, names)


def score(benchmark: Benchmark, names: list[str], vectors: Vector) -> float:
    """Mean average precision of whole-image queries by Manhattan distance, in percent."""
    queries = benchmark.modes["whole"]
    asked = vectors[[names.index(query.image) for query in queries]]
    values = []
    for query, order in zip(queries, ranking(distances(asked, vectors, "l1")), strict=True):
        ranks = {names[place]: rank for rank, place in enumerate(order)}
        values.append(benchmark.score(query, ranks)[benchmark.measures[0]])
    return round(float(np.mean(values)), 2)


if __name__ == "__main__":
    main()
