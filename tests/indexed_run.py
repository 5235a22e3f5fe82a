"""Runs with an index, written without describing images and without Ray."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from osrmac.reduction.base import Reduction, Selection
from osrmac.runs.index.files import part_origin, write_file
from osrmac.runs.index.lists import encode
from osrmac.runs.index.quantizer import indexed_vectors, load_quantizer, train_quantizer
from osrmac.runs.index.stored import IndexedShard, IndexPart, StoredIndex, write_index
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.reductions.reduced_reader import digest, read_shard, reduce_shard
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

METHOD = "osrmac-pfa-8"
KEPT = 8


def clustered(images: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Vectors of twelve numbers by id, ten views of each place."""
    rng = np.random.default_rng(seed)
    places = np.repeat(rng.normal(size=(-(-images // 10), 12)), 10, axis=0)[:images]
    vectors = places + 0.2 * rng.normal(size=places.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    order = rng.permutation(images)
    return {f"{number:05d}.png": vectors[row] for number, row in enumerate(order)}


def reduced_run(folder: Path, vectors: Mapping[str, ArrayLike], rows_per_shard: int = 100) -> Run:
    """Write a run with a reduction to the first eight numbers."""
    run = tiny_run(folder, {"osrmac": vectors}, rows_per_shard=rows_per_shard)
    identity = run.identity()
    selection = Selection(
        name=METHOD,
        method="pfa",
        recipe="osrmac",
        features_in=identity.dimensions["osrmac"],
        seed=0,
        samples=len(vectors),
        fitted_on="photos",
        fingerprint=identity.fingerprint,
        indices=tuple(range(KEPT)),
    )
    write_reduction(run, selection)
    reduce_all(run)
    return run


def method_of(run: Run) -> Method:
    return choose_method(run, METHOD)


def reduction_of(run: Run) -> Reduction:
    reduction = method_of(run).reduction
    assert reduction is not None
    return reduction


def reduce_all(run: Run) -> None:
    """Write all reduced shards."""
    reduction = reduction_of(run)
    columns = schema.reduced(KEPT, reduction.fingerprint, digest(reduction))
    for shard in shards.paths(run.descriptors):
        reduced = reduce_shard(shard, "osrmac", reduction)
        values = pa.FixedSizeListArray.from_arrays(pa.array(reduced.values.ravel(), pa.float32()), KEPT)
        rows = pa.table([pa.array(reduced.ids, pa.string()), values], schema=columns)
        shards.write(run.reduced(METHOD), rows, shard.name, shards.generation(shard), small_groups=True)


def build_index(
    run: Run,
    within: Sequence[Location] | None = None,
    *,
    space: Literal["l2", "cosine"] = "l2",
    factory: str = "IVF16,Flat",
    part_shards: int = 3,
) -> StoredIndex:
    """Write an index over some shards of a run, by default all, with a part for every three."""
    within = shards.paths(run.descriptors) if within is None else within
    reduction = reduction_of(run)
    vectors = {shard: indexed_vectors(read_shard(run, shard, "osrmac", reduction).values, space) for shard in within}
    folder = run.index(METHOD)
    trained = train_quantizer(np.concatenate(list(vectors.values())), factory, threads=1)
    quantizer, quantizer_digest = write_file(folder, "quantizer", trained, [factory, space])
    numbered = [
        IndexedShard(number, shard.name, shards.generation(shard), len(vectors[shard]))
        for number, shard in enumerate(within)
    ]
    parts = []
    for start in range(0, len(numbered), part_shards):
        group = tuple(numbered[start : start + part_shards])
        content = encode(load_quantizer(trained), [(each.number, vectors[within[each.number]]) for each in group])
        parts.append(IndexPart(*write_file(folder, "part", content, part_origin(quantizer_digest, group)), group))
    index = StoredIndex(
        reduction=digest(reduction),
        space=space,
        factory=factory,
        quantizer=quantizer,
        quantizer_digest=quantizer_digest,
        trained_on=sum(map(len, vectors.values())),
        trained_for=sum(map(len, vectors.values())),
        parts=tuple(parts),
    )
    write_index(run, METHOD, index)
    return index
