"""The vectors of a run in the form that another tool wants, for where reading the shards will not do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac.config import ExportConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks
from osrmac.storage import schema, shards
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        system: What the vectors are, named as in an evaluation.
        images: How many.
        dimension: Of each vector.
    """

    method: str
    images: int
    dimension: int


def export(run: str, output: str, options: ExportConfig) -> Exported:
    """Write the vectors that a search compares, a shard at a time.

    Args:
        run: A run with descriptors.
        output: A folder on this machine that does not exist yet.
        options: For which tool.

    Raises:
        OsrmacError: No run, no such system, a folder that exists, or a library that is not installed.
    """
    place = Run(run)
    within = list_shards(place)
    method = choose_method(place, options.method, local=False)
    folder = Path(output)
    if folder.exists():
        raise StorageError(f"{output} exists: name a folder that does not")
    images = sum(len(shards.described_ids(shard)) for shard in within)
    dimension = next(read_blocks(place, method, within)).vectors[0].shape[1]
    _WRITERS[options.to](_Vectors(place, method, within, images, dimension), folder)
    return Exported(method.name, images, dimension)


@dataclass(frozen=True)
class _Vectors:
    """The images of a run, with what a writer must know before it reads them."""

    run: Run
    method: Method
    shards: Sequence[Location]
    images: int
    dimension: int

    @property
    def schema(self) -> pa.Schema:
        """Id, uri and vector."""
        vector = pa.field("vector", schema.vector_type(self.dimension))
        return pa.schema([pa.field("id", pa.string()), pa.field("uri", pa.string()), vector])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The images of a shard at a time."""
        blocks = read_blocks(self.run, self.method, self.shards)
        for shard, block in zip(self.shards, blocks, strict=True):
            known = find_rows(block.ids, [shard])
            uris = [known[image]["uri"] for image in block.ids]
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.vectors[0].ravel()), self.dimension)
            yield pa.record_batch([pa.array(block.ids, pa.string()), pa.array(uris, pa.string()), vectors], self.schema)


def _to_npy(vectors: _Vectors, folder: Path) -> None:
    """`vectors.npy`, and the ids of its rows in `ids.parquet`."""
    folder.mkdir(parents=True)
    shape = vectors.images, vectors.dimension
    written = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for values in _with_ids(vectors, folder):
        written[start : start + len(values)] = values
        start += len(values)
    written.flush()


def _to_faiss(vectors: _Vectors, folder: Path) -> None:
    """`flat.faiss`, which compares by L1 and exactly, and the ids of its rows in `ids.parquet`.

    FAISS has all of an index in memory, here as it will when it is searched.
    """
    index = faiss.IndexFlat(vectors.dimension, faiss.METRIC_L1)
    folder.mkdir(parents=True)
    for values in _with_ids(vectors, folder):
        index.add(values)
    faiss.write_index(index, str(folder / "flat.faiss"))


def _to_lance(vectors: _Vectors, folder: Path) -> None:
    """A LanceDB database with the table `images`."""
    try:
        lancedb = import_module("lancedb")
    except ModuleNotFoundError as error:
        raise ConfigError("LanceDB is not installed: pip install 'osrmac[lance]'") from error
    reader = pa.RecordBatchReader.from_batches(vectors.schema, iter(vectors))
    lancedb.connect(str(folder)).create_table("images", reader)


_WRITERS: Mapping[str, Callable[[_Vectors, Path], None]] = {"npy": _to_npy, "faiss": _to_faiss, "lance": _to_lance}


def _with_ids(vectors: _Vectors, folder: Path) -> Iterator[NDArray[np.float32]]:
    """The vectors of a shard at a time, while their ids are written."""
    with pq.ParquetWriter(folder / "ids.parquet", pa.schema(list(vectors.schema)[:2])) as ids:
        for batch in vectors:
            ids.write_batch(batch.select(["id", "uri"]))
            yield shards.matrix(batch["vector"])
