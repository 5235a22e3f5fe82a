"""Are the groups of `osrmac overview` right, beside those of other clusterings? Prints JSON; the run is not changed.

Images of one scene are those that `--ground-truth`, a folder in the layout of Oxford5k, names as good or ok for the
same landmark; or those whose numbers give the same result when they are divided, as in the UKB benchmark (`--shots 4`);
otherwise those in the same folder. With a ground truth, images that are junk for a landmark or show two are left out,
and pairs of images that show none are not judged: whether these belong together is not known.

Without a run, only time and memory are measured, with `--synthetic` vectors of 348 numbers, ten for each scene.
"""

import argparse
import json
import re
import resource
import time
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.cluster import HDBSCAN

from osrmac.api import Run
from osrmac.reduction.base import l2_normalize
from osrmac.retrieval.distances import distances
from osrmac.retrieval.overview import SampleOverview, numbered

LEFT_OUT, NO_SCENE = -2, -1

Labels = NDArray[np.int64]


def main() -> None:
    # Not that of benchmarks.common, which imports torch: its memory would be measured, too.
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("run", nargs="?")
    options.add_argument("--synthetic", type=int, default=10_000, help="number of vectors, without a run")
    options.add_argument("--method", help="recipe or reduction (default: the one that searches compare)")
    options.add_argument("--ground-truth", help="folder of Oxford5k's or Paris6k's text files")
    options.add_argument("--shots", type=int, help="photographs of each scene, numbered in a row")
    chosen = options.parse_args()
    if chosen.run is None:
        print(json.dumps(measure(synthetic(chosen.synthetic))[1], indent=2))
        return
    ids, vectors = Run(chosen.run).vectors(chosen.method)
    scenes = scenes_of(ids, chosen.ground_truth, chosen.shots)
    found, cost = measure(vectors)
    groups = {"overview": found.placed.labels, **others(vectors, found.threshold)}
    judged = {name: judge(numbered(labels), scenes) for name, labels in groups.items()}
    print(json.dumps(cost | judged, indent=2))


def synthetic(number: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    scenes = rng.gamma(0.5, size=(number // 10 + 1, 348))
    vectors = scenes[rng.integers(0, len(scenes), number)] + rng.gamma(0.3, size=(number, 348))
    return l2_normalize(vectors.astype(np.float32))


def measure(vectors: NDArray[np.float32]) -> tuple[SampleOverview, dict[str, Any]]:
    """Make an overview of all vectors, and measure time, processor time and peak memory."""
    started = time.perf_counter(), time.process_time()
    made = SampleOverview.of(vectors, "l1")
    elapsed, processor = time.perf_counter() - started[0], time.process_time() - started[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    times = {"seconds": round(elapsed, 1), "processor": round(processor, 1)}
    return made, {"images": len(vectors), **times, "peak MB": peak}


def scenes_of(ids: list[str], ground_truth: str | None, shots: int | None) -> Labels:
    """Number of the scene that each image shows; negative where it shows none or is left out."""
    names = [PurePosixPath(image).stem for image in ids]
    if shots is not None:
        return np.array([int(re.findall(r"\d+", name)[-1]) // shots for name in names])
    if ground_truth is None:
        return np.unique([str(PurePosixPath(image).parent) for image in ids], return_inverse=True)[1]
    shown: dict[str, set[str]] = {}
    junk: set[str] = set()
    for file in sorted(Path(ground_truth).glob("*.txt")):
        landmark, kind = re.sub(r"_\d+_[a-z]+$", "", file.stem), file.stem.rpartition("_")[2]
        for name in file.read_text().split() if kind in {"good", "ok"} else ():
            shown.setdefault(name, set()).add(landmark)
        junk |= set(file.read_text().split()) if kind == "junk" else set()
    landmarks = sorted({landmark for found in shown.values() for landmark in found})

    def scene(name: str) -> int:
        found = shown.get(name, set())
        if len(found) == 1:
            return landmarks.index(next(iter(found)))
        return LEFT_OUT if found or name in junk else NO_SCENE

    return np.array([scene(name) for name in names])


def others(vectors: NDArray[np.float32], threshold: float) -> dict[str, Labels]:
    """Groups by other linkages at the same threshold, and by HDBSCAN, which has none."""
    square = distances(vectors, vectors, "l1").astype(np.float64)
    square = (square + square.T) / 2
    np.fill_diagonal(square, 0)
    condensed = squareform(square)
    labels = {
        f"{kind} linkage": fcluster(linkage(condensed, kind), threshold, "distance").astype(np.int64) - 1
        for kind in ("single", "complete")
    }
    for least in (2, 3):
        model = HDBSCAN(min_cluster_size=least, metric="precomputed", copy=True)
        labels[f"HDBSCAN of {least} or more"] = model.fit_predict(square).astype(np.int64)
    return labels


def judge(groups: Labels, scenes: Labels) -> dict[str, Any]:
    """Purity of the groups with images of a scene, and precision and recall of their pairs."""
    kept = scenes != LEFT_OUT
    groups, scenes = groups[kept], scenes[kept]
    known = scenes != NO_SCENE
    judged = np.triu(known[:, None] | known, 1)
    together = judged & (groups[:, None] == groups) & (groups >= 0)[:, None]
    same = judged & (scenes[:, None] == scenes) & known[:, None]
    right = int((together & same).sum())
    majority, members = 0, 0
    for group in np.unique(groups[known & (groups >= 0)]):
        shown = scenes[groups == group]
        majority += int(np.bincount(shown[shown >= 0]).max())
        members += len(shown)
    return {
        "groups": int(groups.max()) + 1,
        "largest": int(np.bincount(groups[groups >= 0]).max()) if (groups >= 0).any() else 0,
        "share of the images of scenes": round(float((groups[known] >= 0).mean()), 3),
        "purity": round(majority / max(1, members), 3),
        "precision of pairs": round(right / max(1, int(together.sum())), 3),
        "recall of pairs": round(right / max(1, int(same.sum())), 3),
    }


if __name__ == "__main__":
    main()
