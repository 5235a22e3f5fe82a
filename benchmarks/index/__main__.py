"""Measure the index of a large synthetic collection that is made from the reduced vectors of a real run.

The distances of the synthetic vectors to their neighbours have the quantiles of the real ones, which are printed side
by side. The collection is written to a folder, and an interrupted run continues with what is there. --kinds compares
other kinds of index, in memory. Prints JSON.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import parser, show
from benchmarks.index.kinds import compare
from benchmarks.index.measure import build, exact, recall, search, size
from benchmarks.index.synthetic_run import Synthetic, progress, synthetic_run
from benchmarks.index.synthetic_vectors import fit
from osrmac.config import Distance
from osrmac.runs.index.stored import load_index
from osrmac.runs.methods import choose_method
from osrmac.runs.shard_reader import list_shards, read_blocks
from osrmac.storage.run import Run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("run", help="run with a reduction, of at least a thousand images")
    options.add_argument("--method", help="reduction (default: the one that searches use)")
    options.add_argument("--folder", type=Path, default=Path("synthetic-runs"))
    options.add_argument("--images", type=int, nargs="+", default=[1_000_000])
    options.add_argument("--queries", type=int, default=200)
    options.add_argument("--candidates", type=int, nargs="+", default=[50, 100, 200, 400])
    options.add_argument("--distances", nargs="+", default=["l1", "l2"], choices=["l1", "l2", "cosine"])
    options.add_argument("--kinds", action="store_true", help="compare other kinds of index, too")
    chosen = options.parse_args()
    real = Run(chosen.run)
    method = choose_method(real, chosen.method, local=False)
    if method.reduction is None:
        raise SystemExit(f"{method.name} is no reduction: name one with --method")
    vectors = np.concatenate([block.vectors[0] for block in read_blocks(real, method, list_shards(real))])
    model, statistics = fit(vectors)
    result: dict[str, Any] = {"vectors": {"model": model.facts(), "statistics": statistics}}
    progress(json.dumps(result, indent=2))
    for images in chosen.images:
        made = synthetic_run(chosen.folder / str(images), real, method.reduction, model, images, chosen.threads)
        kept = Kept(chosen.folder / str(images) / "measured.json")
        result[f"{images} images"] = measured = measure(made, kept, chosen)
        if chosen.kinds:
            measured["kinds"] = compare(made, made.queries(chosen.queries), chosen.threads, chosen.folder)
        progress(json.dumps(measured, indent=2))
    show(result)


class Kept:
    """Results that take long, in a file, so that an interrupted benchmark does not compute them again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.values: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}

    def get(self, name: str, compute: Callable[[], Any]) -> Any:
        if name not in self.values:
            self.values[name] = compute()
            self._file.write_text(json.dumps(self.values))
        return self.values[name]


def measure(made: Synthetic, kept: Kept, chosen: Any) -> dict[str, Any]:
    """Build the index, and search by it."""
    run, queries = made.run, made.queries(chosen.queries)
    wanted: list[Distance] = chosen.distances
    expected = kept.get(f"nearest {wanted} {chosen.queries}", lambda: exact(run, queries, wanted))
    result: dict[str, Any] = {"MB of vectors": size(Path(run.reduced(made.reduction.name).path))}
    spaces: list[list[Distance]] = [[each for each in wanted if each != "cosine"], ["cosine"] * ("cosine" in wanted)]
    for distances in filter(None, spaces):
        space = "cosine" if distances == ["cosine"] else "l2"
        stored = load_index(run, made.reduction.name)
        if stored is None or stored.space != space:
            kept.values.pop(f"build, {space}", None)
        result[f"build, {space}"] = kept.get(f"build, {space}", partial(build, run, distances[0]))
        result[f"MB of index, {space}"] = size(Path(run.index(made.reduction.name).path))
        for distance in distances:
            for candidates in chosen.candidates:
                found = apart(run.url, queries, distance, candidates, chosen.threads)
                score = {"recall@10": recall(found.pop("neighbours"), expected[distance])}
                result[f"{distance}, {candidates} candidates"] = score | found
                progress(f"{distance}, {candidates} candidates: {score | found}")
    return result


def apart(*arguments: Any) -> dict[str, Any]:
    """Search in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, Any] = pool.apply(search, arguments)
        return found


if __name__ == "__main__":
    main()
