"""What do approximate indexes save and lose against exact search? Recall, time, memory and size.

The images are synthetic: descriptors of 64 degrees of freedom, half of their features zero as after a ReLU, ten
views of each place. An index is made in one process and asked in another; memory is what either adds to that of a
process that has done nothing yet. Prints JSON.
"""

import math
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.measuring import Vector, parser, show
from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.retrieval.topk import nearest

Answers = list[list[int]]

TOP = 10
BLOCK = 8192
VIEWS = 10
FREEDOM = 64
TRAINING = 100_000
PROBES = 32


def write(path: Path, images: int, dimension: int) -> None:
    """Descriptors of unit norm, float32, a block at a time."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((FREEDOM, dimension), np.float32)
    with path.open("wb") as file:
        for start in range(0, images, BLOCK):
            places = rng.standard_normal((BLOCK // VIEWS + 1, FREEDOM), np.float32)
            views = np.repeat(places, VIEWS, axis=0) + 0.5 * rng.standard_normal(
                (len(places) * VIEWS, FREEDOM), np.float32
            )
            block = np.maximum(views[: min(BLOCK, images - start)] @ mixing, 0)
            (block / np.linalg.norm(block, axis=1, keepdims=True)).tofile(file)


@dataclass(frozen=True)
class Collection:
    """Vectors in a file, which is read and not mapped, so that its pages do not count as memory."""

    path: Path
    images: int
    dimension: int

    def blocks(self) -> Iterator[Vector]:
        for start in range(0, self.images, BLOCK):
            yield self.rows(start, min(BLOCK, self.images - start))

    def rows(self, start: int, number: int) -> Vector:
        offset = 4 * start * self.dimension
        return np.fromfile(self.path, np.float32, number * self.dimension, offset=offset).reshape(number, -1)

    def spread(self, number: int) -> Vector:
        """So many of the vectors, evenly spread."""
        every = max(1, self.images // number)
        return np.concatenate([self.rows(row, 1) for row in range(0, every * min(number, self.images), every)])

    @property
    def lists(self) -> int:
        return max(1, round(2 * math.sqrt(self.images)))

    @property
    def parts(self) -> int:
        return self.dimension // 4


@dataclass(frozen=True)
class Exact:
    """The vectors themselves, read from the disk a block at a time."""

    collection: Collection
    folder: Path
    distance: Distance

    def build(self) -> None:
        """Nothing to build."""

    def ask(self, queries: Vector) -> Answers:
        starts = range(0, self.collection.images, BLOCK)
        compared = (
            ("", [f"{start + row:09d}" for row in range(len(block))], distances(queries, block, self.distance))
            for start, block in zip(starts, self.collection.blocks(), strict=True)
        )
        return [[int(found.id) for found in of_query] for of_query in nearest(compared, len(queries), TOP)]


@dataclass(frozen=True)
class Faiss:
    """IVF-PQ, eight bits for four numbers, in memory."""

    collection: Collection
    folder: Path

    def build(self) -> None:
        faiss = import_module("faiss")
        described = f"IVF{self.collection.lists},PQ{self.collection.parts}x8"
        index = faiss.index_factory(self.collection.dimension, described, faiss.METRIC_L2)
        index.train(self.collection.spread(TRAINING))
        for block in self.collection.blocks():
            index.add(block)
        faiss.write_index(index, str(self.folder / "index"))

    def ask(self, queries: Vector) -> Answers:
        index = import_module("faiss").read_index(str(self.folder / "index"))
        index.nprobe = PROBES
        answers: Answers = index.search(queries, TOP)[1].tolist()
        return answers


@dataclass(frozen=True)
class Lance:
    """IVF-PQ of the same size, on the disk beside the vectors; fifty candidates are compared exactly."""

    collection: Collection
    folder: Path

    def build(self) -> None:
        vector = pa.list_(pa.float32(), self.collection.dimension)
        fields = pa.schema([pa.field("row", pa.int64()), pa.field("vector", vector)])
        reader = pa.RecordBatchReader.from_batches(fields, self._batches(fields))
        table = import_module("lancedb").connect(str(self.folder)).create_table("images", reader)
        sizes = {"num_partitions": self.collection.lists, "num_sub_vectors": self.collection.parts}
        table.create_index(metric="l2", vector_column_name="vector", **sizes)

    def _batches(self, fields: pa.Schema) -> Iterator[pa.RecordBatch]:
        start = 0
        for block in self.collection.blocks():
            rows = pa.array(np.arange(start, start + len(block)))
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), self.collection.dimension)
            yield pa.record_batch([rows, vectors], fields)
            start += len(block)

    def ask(self, queries: Vector) -> Answers:
        table = import_module("lancedb").connect(str(self.folder)).open_table("images")
        answers = []
        for query in queries:
            asked = table.search(query).nprobes(PROBES).refine_factor(5).limit(TOP).select(["row", "_distance"])
            answers.append([found["row"] for found in asked.to_list()])
        return answers


SYSTEMS: Mapping[str, Callable[[Collection, Path], Any]] = {
    "exact l1": partial(Exact, distance="l1"),
    "exact l2": partial(Exact, distance="l2"),
    "FAISS IVF-PQ": Faiss,
    "LanceDB IVF-PQ": Lance,
}


def alone(function: Callable[..., Any], *given: Any) -> tuple[Any, float, int]:
    """What a function gives in a process of its own, the seconds that took, and the MB that it added at its peak."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        found: tuple[Any, float, int] = pool.apply(_measured, (function, given))
        return found


def _measured(function: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, float, int]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    result = function(*given)
    seconds = time.perf_counter() - started
    return result, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


def recall(found: Answers, wanted: Answers) -> float:
    shares = [len(set(one) & set(other)) / TOP for one, other in zip(found, wanted, strict=True)]
    return round(float(np.mean(shares)), 4)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--vectors", type=int, default=1_000_000)
    options.add_argument("--dimensions", type=int, default=348)
    options.add_argument("--queries", type=int, default=100)
    chosen = options.parse_args()
    result: dict[str, Any] = {"vectors": chosen.vectors, "dimensions": chosen.dimensions, "queries": chosen.queries}
    answers: dict[str, Answers] = {}
    with tempfile.TemporaryDirectory() as scratch:
        collection = Collection(Path(scratch, "vectors"), chosen.vectors, chosen.dimensions)
        write(collection.path, chosen.vectors, chosen.dimensions)
        queries = collection.spread(chosen.queries)
        result["MB of vectors"] = collection.path.stat().st_size // 1_000_000
        for name, make in SYSTEMS.items():
            folder = Path(scratch, name.replace(" ", "-"))
            folder.mkdir()
            method = make(collection, folder)
            _, building, most = alone(method.build)
            answers[name], asking, asked_with = alone(method.ask, queries)
            result[name] = {
                "seconds to build": round(building, 1),
                "MB to build": most,
                "MB on disk": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1_000_000,
                "milliseconds a query": round(1000 * asking / len(queries), 1),
                "MB to ask": asked_with,
                **{f"recall@10 of {exact}": recall(answers[name], answers[exact]) for exact in list(answers)[:2]},
            }
    show(result)


if __name__ == "__main__":
    main()
