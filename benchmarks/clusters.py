"""Time and recall of near-duplicates by clusters, on many vectors made from those of a run. Prints JSON.

The run is that of `python -m benchmarks.near_duplicates FOLDER WORK`, WORK/run, of photographs and edited copies.
Vectors are mixtures of those of two photographs with noise, so that their nearest neighbours are about as far as real
ones. One of a hundred has a copy, which differs from it as an edited copy from its photograph. The exact pairs of a
sample of the vectors tell the recall, and the time that all pairs would take.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.common import Vector, parser, show
from benchmarks.near_duplicates import MIRRORED, ORIGINAL
from osrmac.commands.duplicates import find_links
from osrmac.config import DescriptorConfig, DuplicatesConfig
from osrmac.retrieval.distances import distances
from osrmac.runs.methods import choose_method
from osrmac.runs.near_duplicates.vector_pieces import Positions, VectorPieces
from osrmac.storage import manifest, schema, shards
from osrmac.storage.run import Identity, Run

QUANTILES = (0.01, 0.1, 0.5, 0.9)
REACH = 0.99
"""Share of the edited copies that are within the threshold."""

COPIES = 100
"""One of so many vectors has a copy."""

BLOCK = 50_000
ROWS = 2000
"""Images in a shard."""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("run", help="run of photographs and edited copies")
    options.add_argument("--method", default="osrmac", help="method whose vectors are mixed")
    options.add_argument("--sizes", type=int, nargs="*", default=(250_000, 1_000_000))
    options.add_argument("--sample", type=int, default=1000, help="images that are compared with all")
    options.add_argument("--noise", type=float, default=0.35, help="standard deviation of the logarithm of the values")
    chosen = options.parse_args()
    photographs, edits = read(Run(chosen.run), chosen.method)
    synthetic = mixed(photographs, len(photographs), 1, chosen.noise)
    threshold = float(np.quantile(np.abs(edits).sum(1), REACH))
    result: dict[str, Any] = {
        "dimensions": photographs.shape[1],
        "threshold": round(threshold, 3),
        "nearest neighbours, photographs": quantiles(photographs),
        "nearest neighbours, as many synthetic": quantiles(synthetic),
    }
    for size in chosen.sizes:
        with tempfile.TemporaryDirectory() as folder:
            result[f"{size:,}"] = measure(Path(folder), photographs, edits, size, threshold, chosen)
    show(result)


def read(run: Run, method: str) -> tuple[Vector, Vector]:
    """Vectors of the photographs of a run, and the differences of their edited copies."""
    pieces = VectorPieces.of(run, choose_method(run, method))
    (vectors,) = pieces.vectors_at(np.arange(len(pieces)))
    kinds, _, names = zip(
        *(image.partition("/") for image in pieces.rows_at(np.arange(len(pieces)))["id"].to_pylist()), strict=True
    )
    original = {name: row for row, (kind, name) in enumerate(zip(kinds, names, strict=True)) if kind == ORIGINAL}
    edited = np.array([row for row, kind in enumerate(kinds) if kind not in {ORIGINAL, MIRRORED}])
    return vectors[list(original.values())], vectors[edited] - vectors[[original[names[row]] for row in edited]]


def measure(folder: Path, real: Vector, edits: Vector, size: int, threshold: float, chosen: Any) -> dict[str, Any]:
    """Write a run, link its near-duplicates, and compare them with the exact ones of a sample."""
    run, planted = write_run(folder, real, edits, size, chosen.noise)
    started = time.perf_counter()
    links = find_links(run.url, DuplicatesConfig(threshold=threshold, method="osrmac"))
    took = time.perf_counter() - started
    (images,) = links.sides
    names = np.array(images.rows_at(np.arange(size))["id"].to_pylist(), np.int64)
    found = set(map(tuple, np.sort(links.pairs.positions).tolist()))
    position_of = np.argsort(names)
    known = set(map(tuple, np.sort(position_of[planted]).tolist()))
    sample = np.sort(np.random.default_rng(2).choice(size, chosen.sample, replace=False))
    started = time.perf_counter()
    exact, nearest = exact_pairs(images, sample, threshold)
    all_pairs = (time.perf_counter() - started) * size / chosen.sample / 2
    return {
        "seconds": round(took, 1),
        "seconds of all pairs, extrapolated from the sample": round(all_pairs),
        "pairs": len(found),
        "exact pairs of the sample": len(exact),
        "recall of these": round(len(exact & found) / max(1, len(exact)), 4),
        "recall of the planted pairs": round(len(known & found) / len(known), 4),
        "nearest neighbours of the sample": np.quantile(nearest, QUANTILES).round(2).tolist(),
    }


def exact_pairs(images: VectorPieces, sample: Positions, threshold: float) -> tuple[set[tuple[int, ...]], Vector]:
    """Compare some images with all: the pairs within a threshold, and the distances to the nearest others."""
    (queries,) = images.vectors_at(sample)
    pairs: list[NDArray[np.int64]] = []
    nearest = np.full(len(sample), np.inf, np.float32)
    for piece in images.pieces(range(len(images.shards))):
        apart = distances(queries, piece.vectors[0], "l1")
        apart[sample[:, None] == piece.positions] = np.inf
        left, right = np.nonzero(apart <= threshold)
        pairs.append(np.stack([sample[left], piece.positions[right]], 1))
        nearest = np.minimum(nearest, apart.min(1))
    return set(map(tuple, np.sort(np.concatenate(pairs)).tolist())), nearest


def quantiles(vectors: Vector) -> list[float]:
    """Quantiles of the distances of vectors to their nearest others."""
    apart = distances(vectors, vectors, "l1")
    np.fill_diagonal(apart, np.inf)
    found: list[float] = np.quantile(apart.min(1), QUANTILES).round(2).tolist()
    return found


def mixed(real: Vector, number: int, seed: int, noise: float) -> Vector:
    """Mix pairs of real vectors with noise."""
    vectors = np.empty((number, real.shape[1]), np.float32)
    for start in range(0, number, BLOCK):
        random = np.random.default_rng((seed, start))
        block = vectors[start : start + BLOCK]
        one, other = real[random.integers(0, len(real), (2, len(block)))]
        share = random.uniform(0.2, 0.8, (len(block), 1)).astype(np.float32)
        values = (share * one + (1 - share) * other) * np.exp(noise * random.standard_normal(one.shape, np.float32))
        length = np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
        block[:] = values * (np.linalg.norm(one, axis=1, keepdims=True) / length)
    return vectors


def copies_of(vectors: Vector, edits: Vector, seed: int) -> Vector:
    """Change vectors as edits change those of photographs; values stay at least 0 where they are."""
    chosen = edits[np.random.default_rng(seed).integers(0, len(edits), len(vectors))]
    return np.where(vectors >= 0, np.maximum(vectors + chosen, 0), vectors + chosen)


def write_run(folder: Path, real: Vector, edits: Vector, size: int, noise: float) -> tuple[Run, NDArray[np.int64]]:
    """Write a run of mixed vectors and copies of some of them; return the numbers of originals and copies, too."""
    number = size // COPIES
    vectors = mixed(real, size, 5, noise)
    copied = np.random.default_rng(4).choice(size - number, number, replace=False)
    vectors[size - number :] = copies_of(vectors[copied], edits, 6)
    names = np.random.default_rng(3).permutation(size)
    row_of = np.argsort(names)
    run = Run(str(folder))
    identity = Identity(DescriptorConfig(), {"dimensions": real.shape[1]}, "none", {"osrmac": (real.shape[1],)})
    run.open(identity, "/photos", {})
    ids = pa.array([f"{name:09d}" for name in range(size)])
    rows = {name: pa.nulls(size, schema.COLLECTION.field(name).type) for name in ("size", "etag", "mtime")}
    listing = pa.table({"id": ids, "uri": ids, **rows}, schema=schema.COLLECTION)
    manifest.update(run.manifest, run.descriptors, [listing], manifest.shards_of(ROWS))
    columns = schema.descriptors(identity.dimensions, identity.fingerprint)
    for plan in manifest.shard_plans(run.manifest):
        planned = manifest.read(run.manifest, plan)["id"]
        chosen = vectors[row_of[np.array(planned.to_pylist(), np.int64)]]
        values = {
            "id": planned,
            "uri": planned,
            "status": pa.array([schema.OK] * plan.rows),
            "error_stage": pa.nulls(plan.rows, pa.string()),
            "error": pa.nulls(plan.rows, pa.string()),
            "width": pa.array([4] * plan.rows, pa.int32()),
            "height": pa.array([3] * plan.rows, pa.int32()),
            "osrmac": pa.FixedSizeListArray.from_arrays(pa.array(chosen.ravel()), real.shape[1]),
        }
        shards.write(run.descriptors, pa.table(values, schema=columns), plan.shard)
    return run, np.stack([names[copied], names[size - number :]], 1)


if __name__ == "__main__":
    main()
