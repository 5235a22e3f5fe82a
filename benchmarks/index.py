"""Compare approximate indexes with exact search: recall, time, memory and size.

The descriptors are synthetic: 64 degrees of freedom, half of the features zero as after a ReLU, ten views of each
place. An index is built in one process and queried in another. Memory is the peak above that of an idle process. Prints
JSON.
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

from benchmarks.common import Vector, parser, show
from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.retrieval.topk import nearest

Neighbours = list[list[int]]
"""Rows of the nearest vectors, for each query."""

TOP = 10
BLOCK = 8192
VIEWS = 10
FREEDOM = 64
TRAINING = 100_000
PROBES = 32


def write(path: Path, images: int, dimension: int) -> None:
    """Write descriptors of unit norm, float32, block by block."""
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
    """Vectors in a file. It is read, not mapped, so that its pages do not count as memory."""

    path: Path
    images: int
    dimension: int

    def blocks(self) -> Iterator[Vector]:
        for start in range(0, self.images, BLOCK):
            yield self.rows(start, min(BLOCK, self.images - start))

    def rows(self, start: int, number: int) -> Vector:
        offset = 4 * start * self.dimension
        return np.fromfile(self.path, np.float32, number * self.dimension, offset=offset).reshape(number, -1)

    def sample(self, number: int) -> Vector:
        """Return evenly spaced vectors."""
        step = max(1, self.images // number)
        return np.concatenate([self.rows(row, 1) for row in range(0, step * min(number, self.images), step)])

    @property
    def lists(self) -> int:
        return max(1, round(2 * math.sqrt(self.images)))

    @property
    def parts(self) -> int:
        return self.dimension // 4


@dataclass(frozen=True)
class Exact:
    """Exact search in the vectors, read from disk block by block."""

    collection: Collection
    folder: Path
    distance: Distance

    def build(self) -> None:
        """Nothing to build."""

    def query(self, queries: Vector) -> Neighbours:
        starts = range(0, self.collection.images, BLOCK)
        compared = (
            ("", [f"{start + row:09d}" for row in range(len(block))], distances(queries, block, self.distance))
            for start, block in zip(starts, self.collection.blocks(), strict=True)
        )
        return [[int(match.id) for match in matches] for matches in nearest(compared, len(queries), TOP)]


@dataclass(frozen=True)
class Faiss:
    """IVF-PQ of FAISS in memory, with eight bits for four numbers."""

    collection: Collection
    folder: Path

    def build(self) -> None:
        faiss = import_module("faiss")
        description = f"IVF{self.collection.lists},PQ{self.collection.parts}x8"
        index = faiss.index_factory(self.collection.dimension, description, faiss.METRIC_L2)
        index.train(self.collection.sample(TRAINING))
        for block in self.collection.blocks():
            index.add(block)
        faiss.write_index(index, str(self.folder / "index"))

    def query(self, queries: Vector) -> Neighbours:
        index = import_module("faiss").read_index(str(self.folder / "index"))
        index.nprobe = PROBES
        answers: Neighbours = index.search(queries, TOP)[1].tolist()
        return answers


@dataclass(frozen=True)
class Lance:
    """IVF-PQ of LanceDB on disk, of the same size, with exact comparison of fifty candidates."""

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

    def query(self, queries: Vector) -> Neighbours:
        table = import_module("lancedb").connect(str(self.folder)).open_table("images")
        answers = []
        for query in queries:
            matches = table.search(query).nprobes(PROBES).refine_factor(5).limit(TOP).select(["row", "_distance"])
            answers.append([match["row"] for match in matches.to_list()])
        return answers


METHODS: Mapping[str, Callable[[Collection, Path], Any]] = {
    "exact l1": partial(Exact, distance="l1"),
    "exact l2": partial(Exact, distance="l2"),
    "FAISS IVF-PQ": Faiss,
    "LanceDB IVF-PQ": Lance,
}


def in_a_process(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float, int]:
    """Run a function in a process of its own; return its result, its seconds, and its peak memory in MB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        measured: tuple[Any, float, int] = pool.apply(_measure, (function, arguments))
        return measured


def _measure(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, float, int]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - started
    return result, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


def recall(actual: Neighbours, expected: Neighbours) -> float:
    shares = [len(set(one) & set(other)) / TOP for one, other in zip(actual, expected, strict=True)]
    return round(float(np.mean(shares)), 4)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--vectors", type=int, default=1_000_000)
    options.add_argument("--dimensions", type=int, default=348)
    options.add_argument("--queries", type=int, default=100)
    chosen = options.parse_args()
    result: dict[str, Any] = {"vectors": chosen.vectors, "dimensions": chosen.dimensions, "queries": chosen.queries}
    neighbours: dict[str, Neighbours] = {}
    with tempfile.TemporaryDirectory() as scratch:
        collection = Collection(Path(scratch, "vectors"), chosen.vectors, chosen.dimensions)
        write(collection.path, chosen.vectors, chosen.dimensions)
        queries = collection.sample(chosen.queries)
        result["MB of vectors"] = collection.path.stat().st_size // 1_000_000
        for name, make in METHODS.items():
            folder = Path(scratch, name.replace(" ", "-"))
            folder.mkdir()
            method = make(collection, folder)
            _, build_seconds, build_memory = in_a_process(method.build)
            neighbours[name], query_seconds, query_memory = in_a_process(method.query, queries)
            result[name] = {
                "seconds to build": round(build_seconds, 1),
                "MB to build": build_memory,
                "MB on disk": sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) // 1_000_000,
                "milliseconds per query": round(1000 * query_seconds / len(queries), 1),
                "MB to query": query_memory,
                **{
                    f"recall@10 of {exact}": recall(neighbours[name], neighbours[exact])
                    for exact in list(neighbours)[:2]
                },
            }
    show(result)


if __name__ == "__main__":
    main()
