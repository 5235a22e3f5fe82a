"""How does the cost grow with the size of photographs, and the number of features, of images and of processes?

All else is equal each time. Images and processes are those of whole extractions, by a small network on a small scale,
so that what is not the network can be seen. Random weights serve. Prints JSON.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.measuring import add_backbone, descriptor, interleaved, parser, photograph, show
from osrmac.descriptor.describer import Describer
from osrmac.reduction.moments import Moments
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.retrieval.distances import distances
from osrmac.storage.run import Run

SIDES = (640, 1280, 2560, 5120)
FEATURES = (48, 96, 192, 384)
DIMENSION, SAMPLES, DATABASE, QUERIES = 768, 4000, 20_000, 16
IMAGES = (250, 500, 1000, 2000)
ACTORS = (1, 2)
SMALL = "--backbone resnet18 --weights random:0 --image-sizes 64 --recipes single --device cpu --shard-rows 10"


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "resnet50", "random:0")
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    show(
        {
            "seconds to describe a photograph of a longest side": by_size(chosen),
            "seconds to choose features": by_features(choosing, chosen.rounds),
            "seconds to compare sixteen queries with 20000 images, by features": by_features(comparing, chosen.rounds),
            "seconds of all processes for an image, starting left out, by images": by_images(),
            "images a second, starting left out, by processes": by_actors(),
        }
    )


def by_size(chosen: argparse.Namespace) -> dict[int, float]:
    describer = Describer.load(descriptor(chosen))
    methods = {side: partial(describer, [photograph(0, side, 3 * side // 4)]) for side in SIDES}
    return medians(methods, chosen.rounds)


def by_features(make: Callable[[int], Callable[[], object]], rounds: int) -> dict[int, float]:
    return medians({features: make(features) for features in FEATURES}, rounds)


def choosing(features: int) -> Callable[[], object]:
    moments = Moments.of(np.random.default_rng(0).random((SAMPLES, DIMENSION), np.float32))
    return partial(PrincipalFeatureAnalysis(features).fit_moments, moments)


def comparing(features: int) -> Callable[[], object]:
    rng = np.random.default_rng(0)
    database, queries = (rng.random((number, features), np.float32) for number in (DATABASE, QUERIES))
    return partial(distances, queries, database, "l1")


def medians(methods: Mapping[int, Callable[[], object]], rounds: int) -> dict[int, float]:
    times = interleaved({str(size): method for size, method in methods.items()}, rounds)
    return {size: round(times[str(size)]["seconds"], 4) for size in methods}


def by_images() -> dict[int, float]:
    return {images: round(sum(describing(images, 1).values()) / images, 5) for images in IMAGES}


def by_actors() -> dict[int, float]:
    return {
        workers: round(IMAGES[-1] * workers / sum(describing(IMAGES[-1], workers).values()), 1) for workers in ACTORS
    }


def describing(images: int, workers: int) -> dict[str, float]:
    """Seconds of all processes of an extraction by stage, but for starting."""
    with tempfile.TemporaryDirectory() as temporary:
        photos, run = Path(temporary, "photos"), str(Path(temporary, "run"))
        photos.mkdir()
        content = photograph(0, 160, 120)
        for number in range(images):
            (photos / f"{number:05d}.jpg").write_bytes(content)
        command = [sys.executable, "-m", "osrmac", "extract", str(photos), run, *SMALL.split()]
        subprocess.run([*command, "--workers", str(workers)], check=True, capture_output=True)
        seconds: dict[str, float] = Run(run).record()["stages"]["extract"]["profile"]["describing"]
    return {stage: spent for stage, spent in seconds.items() if stage != "start"}


if __name__ == "__main__":
    main()
