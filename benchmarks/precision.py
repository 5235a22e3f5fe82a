"""What does bf16 change? Cosines to fp32, shared neighbours, and mean average precision where a ground truth is given.

Prints JSON.
"""

import numpy as np
import torch

from benchmarks.measuring import Vector, add_backbone, cosine, descriptor, files, parser, show
from osrmac.descriptor.describer import Describer, Description
from osrmac.retrieval import protocols
from osrmac.retrieval.benchmark import Benchmark
from osrmac.retrieval.search import distances, ranking
from osrmac.storage.files import read_files

NEIGHBOURS = 10


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "auto")
    options.add_argument("--images", required=True)
    options.add_argument("--most", type=int)
    options.add_argument("--benchmark", default="oxford5k")
    options.add_argument("--ground-truth")
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    images = files(chosen.images, chosen.most)
    found = {}
    for precision in ("fp32", "bf16"):
        describer = Describer.load(descriptor(chosen, precision=precision))
        described = [result for result in describer(list(images.values())) if isinstance(result, Description)]
        found[precision] = np.stack([of.vectors["osrmac"] for of in described])
    cosines = [cosine(*pair) for pair in zip(found["fp32"], found["bf16"], strict=True)]
    orders = {precision: ranking(distances(vectors, vectors, "l1")) for precision, vectors in found.items()}
    shared = [
        len(np.intersect1d(one[1 : NEIGHBOURS + 1], other[1 : NEIGHBOURS + 1])) / NEIGHBOURS
        for one, other in zip(orders["fp32"], orders["bf16"], strict=True)
    ]
    result = {
        "images": len(cosines),
        "lowest cosine": round(min(cosines), 6),
        "mean cosine": round(float(np.mean(cosines)), 6),
        "shared of the nearest ten": round(float(np.mean(shared)), 4),
    }
    if chosen.ground_truth:
        names = [name.rsplit(".", 1)[0] for name in images]
        truth = read_files(chosen.ground_truth)
        benchmark = protocols.load(chosen.benchmark, truth, collection=names, subset=True).on(names, subset=True)
        result |= {f"mAP {precision}": score(benchmark, names, vectors) for precision, vectors in found.items()}
    show(result)


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
