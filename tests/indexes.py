"""Indexes built without Ray, what the files of an index hold, and changes of the images of a run."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np

from osrmac.reduction.base import Reduction
from osrmac.runs.index.factory import index_factory
from osrmac.runs.index.files import file_digest, index_file_is_intact, part_origin, write_file
from osrmac.runs.index.lists import encode
from osrmac.runs.index.quantizer import load_quantizer, train_quantizer
from osrmac.runs.index.source import IndexSource
from osrmac.runs.index.stored import IndexPart, StoredIndex, load_index, split_keys, write_index
from osrmac.runs.index.update import plan_update
from osrmac.storage import manifest, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run


def build_index(
    run: Run, reduction: Reduction, space: Literal["l2", "cosine"] = "l2", part_rows: int = 8
) -> StoredIndex:
    """Build an index over the reduced shards of a run, with parts of some images."""
    source, folder = IndexSource.of(run, reduction, space), run.index(reduction.name)
    factory = index_factory(source.images)
    content = train_quantizer(np.concatenate([source.read(shard) for shard in source.shards]), factory, threads=1)
    name, digest = write_file(folder, "quantizer", content, [])
    parts = []
    for group in plan_update((), source.shards, part_rows).groups:
        lists = encode(load_quantizer(content), [(shard.number, source.read(shard)) for shard in group])
        parts.append(IndexPart(*write_file(folder, "part", lists, part_origin(digest, group)), group))
    index = StoredIndex(
        reduction=source.reduction,
        space=space,
        factory=factory,
        quantizer=name,
        quantizer_digest=digest,
        trained_on=source.images,
        trained_for=source.images,
        parts=tuple(parts),
    )
    write_index(run, reduction.name, index)
    return index


def lists_of(part: Location) -> Any:
    """The inverted lists in a file, mapped into memory."""
    return faiss.read_InvertedLists(faiss.FileIOReader(part.path), faiss.IO_FLAG_MMAP)


def keys_in(lists: Any) -> np.ndarray:
    """All keys of inverted lists, sorted."""
    sizes = [(cell, lists.list_size(cell)) for cell in range(lists.nlist)]
    listed = [faiss.rev_swig_ptr(lists.get_ids(cell), size).copy() for cell, size in sizes if size]
    return np.sort(np.concatenate([np.empty(0, np.int64), *listed]))


def indexed_rows(run: Run, name: str) -> dict[tuple[str, int], list[int]]:
    """The rows of each shard and generation that an index has; fails if a file is damaged or does not fit the index."""
    found: dict[tuple[str, int], list[int]] = {}
    index = load_index(run, name)
    assert index is not None
    folder = run.index(name)
    for file, digest in [
        (index.quantizer, index.quantizer_digest),
        *((part.file, part.digest) for part in index.parts),
    ]:
        content = (folder / file).read_bytes()
        assert index_file_is_intact(file, content)
        assert file_digest(content) == digest
    numbers: list[int] = []
    for part in index.parts:
        by_number = {shard.number: shard for shard in part.shards}
        numbers += by_number
        found |= {(shard.shard, shard.generation): [] for shard in part.shards}
        for number, row in zip(*split_keys(keys_in(lists_of(folder / part.file))), strict=True):
            shard = by_number[number]
            found[shard.shard, shard.generation].append(int(row))
    assert len(set(numbers)) == len(numbers)
    return found


def rows_of(source: IndexSource) -> dict[tuple[str, int], list[int]]:
    """The rows of each shard and generation that an index of some vectors must have."""
    return {(shard.shard, shard.generation): list(range(shard.rows)) for shard in source.shards}


def without(shards: Sequence[str], rows: dict[tuple[str, int], list[int]]) -> dict[tuple[str, int], list[int]]:
    """The rows of all other shards."""
    return {key: value for key, value in rows.items() if key[0] not in shards}


def generations(run: Run) -> dict[str, int]:
    """The generation of each shard of a run."""
    return {shard.name: shards.generation(shard) for shard in shards.paths(run.descriptors)}


def add_images(run: Run, vectors: Mapping[str, np.ndarray], rows_per_shard: int = 5) -> None:
    """Add described images, in shards of their own."""
    number = len(shards.paths(run.manifest))
    folder = Path(run.url).with_name(f"added-{number}")
    added = tiny_run(folder, {"osrmac": vectors}, rows_per_shard=rows_per_shard)
    for shard in shards.paths(added.descriptors):
        shutil.copy(shard, run.descriptors)
    (part,) = shards.paths(added.manifest)
    shutil.copy(part, run.manifest / f"part-{number:05d}.parquet")
    shutil.rmtree(folder)


def change_images(run: Run, shard: str, seed: int) -> None:
    """Exchange the vectors of the images of a shard, which is of a new generation then."""
    file = run.descriptors / shard
    rows, generation = shards.read(file), shards.generation(file) + 1
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    column = rows.column_names.index("osrmac")
    exchanged = rows.set_column(column, rows.schema.field(column), rows["osrmac"].take(order))
    for part in shards.paths(run.manifest):
        table = shards.read(part)
        planned = table["generation"].to_numpy().copy()
        planned[np.array(table["shard"].to_pylist()) == shard] = generation
        column = table.column_names.index("generation")
        manifest.write_part(part, table.set_column(column, table.schema.field(column), [planned]))
    shards.replace(file, exchanged, generation)
