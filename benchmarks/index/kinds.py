"""Kinds of index side by side: FAISS's in memory, and LanceDB's on disk, with candidates compared exactly."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.common import Vector
from benchmarks.index.measure import TOP, size
from benchmarks.index.synthetic_run import Synthetic, progress
from osrmac.config import Distance
from osrmac.retrieval.distances import distances
from osrmac.runs.index.factory import index_factory
from osrmac.runs.shard_reader import list_shards, map_shards
from osrmac.storage import shards
from osrmac.storage.location import Location

DISTANCES: tuple[Distance, ...] = ("l1", "l2")
CANDIDATES = (50, 100, 200, 400)
PROBES = (1 / 64, 1 / 32, 1 / 16)
"""Shares of the cells that are searched."""

SAMPLE = 40
"""Vectors for each cell that the cells are trained on."""

CODES_SAMPLE = 25_600
"""Vectors that codes and rotations are trained on: a hundred for each centroid of a product quantizer."""

BLOCK = 50_000
SINGLE = 30
Rows = list[NDArray[np.int64]]
"""Candidates of each query, nearest first."""


@dataclass(frozen=True, eq=False)
class Collection:
    """Vectors in memory, queries, and the rows of the nearest for each distance."""

    vectors: Vector
    queries: Vector
    nearest: dict[Distance, Rows]

    def recalls(self, candidates: Rows) -> dict[str, float]:
        """Return the recall of each distance by the number of candidates."""
        return {
            f"{distance}, {number} candidates": round(self._recall(candidates, distance, number), 4)
            for distance in DISTANCES
            for number in CANDIDATES
        }

    def _recall(self, candidates: Rows, distance: Distance, number: int) -> float:
        found = 0
        for query, rows, expected in zip(self.queries, candidates, self.nearest[distance], strict=True):
            of_query = rows[rows >= 0][:number]
            compared = distances(query[None], self.vectors[of_query], distance)[0]
            found += len(set(of_query[np.argsort(compared, kind="stable")[:TOP]]) & set(expected))
        return found / (TOP * len(self.queries))


def compare(made: Synthetic, queries: Vector, threads: int, folder: Path) -> dict[str, Any]:
    """Compare kinds of index over a synthetic run, whose vectors must fit into memory."""
    faiss.omp_set_num_threads(threads)
    copies = [made.run.reduced(made.reduction.name) / shard.name for shard in list_shards(made.run)]
    vectors = np.concatenate(list(map_shards(_read, copies)))
    collection = Collection(vectors, queries, {each: _nearest(vectors, queries, each) for each in DISTANCES})
    progress("nearest vectors found exactly")
    cells = int(index_factory(len(vectors)).partition("IVF")[2].split("_")[0].split(",")[0])
    started = time.monotonic()
    centroids = _centroids(vectors, cells)
    result: dict[str, Any] = {"cells": cells, "seconds to train the cells": round(time.monotonic() - started, 1)}
    dimension = vectors.shape[1]
    half, quarter = (next(codes for codes in range(dimension // by, 0, -1) if dimension % codes == 0) for by in (4, 6))
    factories = {
        "RaBitQ": "IVF{},RaBitQ",
        "RaBitQ, cells by a graph": "IVF{}_HNSW32,RaBitQ",
        "RaBitQ, rotated at random": f"RR{dimension},IVF{{}},RaBitQ",
        f"PQ, {quarter} bytes": f"IVF{{}},PQ{quarter}",
        f"OPQ and PQ, {quarter} bytes": f"OPQ{quarter}_{dimension},IVF{{}},PQ{quarter}",
        f"OPQ and PQ, {half} bytes": f"OPQ{half}_{dimension},IVF{{}},PQ{half}",
        "PQ fast scan": f"IVF{{}},PQ{2 * half}x4fs",
        "8-bit numbers": "IVF{},SQ8",
    }
    for name, factory in factories.items():
        result[name] = _by_faiss(collection, factory.format(cells), centroids)
        progress(f"{name}: {result[name]}")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        result["LanceDB IVF-PQ"] = _by_lance(collection, Path(scratch), cells, quarter)
    return result


def _read(copy: Location) -> Vector:
    return shards.matrix(shards.read(copy, ["vector"])["vector"].combine_chunks())


def _nearest(vectors: Vector, queries: Vector, distance: Distance) -> Rows:
    found: list[tuple[Vector, NDArray[np.int64]]] = []
    for start in range(0, len(vectors), BLOCK):
        compared = distances(queries, vectors[start : start + BLOCK], distance)
        nearest = np.argpartition(compared, min(TOP, compared.shape[1] - 1), axis=1)[:, :TOP]
        found.append((np.take_along_axis(compared, nearest, 1), nearest + start))
    order = np.argsort(np.concatenate([near for near, _ in found], axis=1), axis=1, kind="stable")[:, :TOP]
    return list(np.take_along_axis(np.concatenate([rows for _, rows in found], axis=1), order, 1))


def _centroids(vectors: Vector, cells: int) -> Vector:
    sample = vectors[np.random.default_rng(0).permutation(len(vectors))[: SAMPLE * cells]]
    clustering = faiss.Kmeans(vectors.shape[1], cells, niter=10, max_points_per_centroid=len(sample))
    clustering.train(sample)
    centroids: Vector = clustering.centroids  # type: ignore[assignment]  # None before training only
    return centroids


def _by_faiss(collection: Collection, factory: str, centroids: Vector) -> dict[str, Any]:
    """Build an index whose cells are trained, and search by it."""
    started = time.monotonic()
    index = faiss.index_factory(collection.vectors.shape[1], factory)
    ivf: Any = faiss.downcast_index(faiss.extract_index_ivf(index))
    sample = collection.vectors[np.random.default_rng(1).permutation(len(collection.vectors))[:CODES_SAMPLE]]
    rotated = centroids
    if isinstance(index, faiss.IndexPreTransform):
        rotation = faiss.downcast_VectorTransform(index.chain.at(0))  # type: ignore[attr-defined]  # a C++ vector
        if isinstance(rotation, faiss.OPQMatrix):
            rotation.niter, rotation.max_train_points = 10, CODES_SAMPLE
        rotation.train(sample)
        rotated = rotation.apply(centroids)
    quantizer = faiss.downcast_index(ivf.quantizer)
    quantizer.add(rotated)
    index.train(sample)
    trained = time.monotonic() - started
    started = time.monotonic()
    for start in range(0, len(collection.vectors), BLOCK):
        index.add(collection.vectors[start : start + BLOCK])
    result: dict[str, Any] = {
        "bytes a vector": ivf.code_size + 8,
        "seconds to train": round(trained, 1),
        "seconds to add": round(time.monotonic() - started, 1),
    }
    for share in PROBES:
        ivf.nprobe = round(share * ivf.nlist)
        if isinstance(quantizer, faiss.IndexHNSW):
            quantizer.hnsw.efSearch = 2 * ivf.nprobe
        result[f"{ivf.nprobe} cells searched"] = _searched(
            collection, lambda queries: list(index.search(queries, max(CANDIDATES))[1])
        )
    return result


def _searched(collection: Collection, search: Callable[[Vector], Rows]) -> dict[str, Any]:
    """Return the time of a search without the exact comparison, and its recall with it."""
    started = time.perf_counter()
    for row in range(SINGLE):
        search(collection.queries[row : row + 1])
    single = (time.perf_counter() - started) / SINGLE
    return {"ms, one query": round(1000 * single, 2), **collection.recalls(search(collection.queries))}


def _by_lance(collection: Collection, folder: Path, cells: int, codes: int) -> dict[str, Any]:
    """Build LanceDB's index, which reads its table, and search by it."""
    vector = pa.list_(pa.float32(), collection.vectors.shape[1])
    fields = pa.schema([pa.field("row", pa.int64()), pa.field("vector", vector)])
    started = time.monotonic()
    reader = pa.RecordBatchReader.from_batches(fields, _batches(collection.vectors, fields))
    table = import_module("lancedb").connect(str(folder)).create_table("images", reader)
    before = size(folder)
    written = time.monotonic() - started
    started = time.monotonic()
    table.create_index(metric="l2", vector_column_name="vector", num_partitions=cells, num_sub_vectors=codes)
    result: dict[str, Any] = {
        "bytes a vector": round(1e6 * (size(folder) - before) / len(collection.vectors)),
        "seconds to write the table": round(written, 1),
        "seconds to build": round(time.monotonic() - started, 1),
    }

    def search(probes: int, queries: Vector) -> Rows:
        found = (
            table.search(query).nprobes(probes).refine_factor(4).limit(max(CANDIDATES) // 4).select(["row"])
            for query in queries
        )
        return [each.to_arrow()["row"].to_numpy() for each in found]

    for share in PROBES:
        probes = round(share * cells)
        result[f"{probes} cells searched"] = _searched(collection, partial(search, probes))
    return result


def _batches(vectors: Vector, fields: pa.Schema) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        rows = pa.array(np.arange(start, start + len(block)))
        values = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), vectors.shape[1])
        yield pa.record_batch([rows, values], fields)
