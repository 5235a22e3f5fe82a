"""Export the vectors of a run to LanceDB, FAISS or NumPy."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from osrmac import __version__
from osrmac.commands.checks import check_writable
from osrmac.commands.copies import record_export
from osrmac.config import ExportConfig
from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError
from osrmac.progress import stage
from osrmac.runs.methods import Method, choose_method
from osrmac.runs.shard_reader import find_rows, list_shards, read_blocks, unpruned
from osrmac.storage import schema, shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.location import Location
from osrmac.storage.planning.image_columns import ImageColumns
from osrmac.storage.run import Run

__all__ = ["Export", "export"]


@dataclass(frozen=True)
class Export:
    """Result of an export.

    Attributes:
        method: Recipe or reduction whose vectors were exported, named as in an evaluation.
        images: Number of vectors.
        dimension: Length of each vector.
    """

    method: str
    images: int
    dimension: int

    def to_json(self) -> dict[str, Any]:
        """Return the result under the names of the JSON output."""
        return {"system": self.method, "images": self.images, "dimension": self.dimension}


def export(run: str, output: str, options: ExportConfig) -> Export:
    """Export the vectors that a search compares, with their ids and URIs, and the user's own columns.

    The folder appears when it is complete, and is then recorded in the run.

    Args:
        run: Run with descriptors.
        output: Local folder to create.
        options: Vectors and format.

    Raises:
        ConfigError: The output exists or cannot be created, the method is unknown, or a package is missing.
        NotFoundError: No run.
        StorageError: The run has no descriptors.
    """
    check_writable(Location.of(output))
    folder = Path(output)
    _require_missing(folder)
    if options.to == "lance":
        _lancedb()
    place = Run(run)
    with unpruned(place):
        within = list_shards(place)
        method = choose_method(place, options.method, local=False)
        images = sum(len(shards.described_ids(shard)) for shard in within)
        dimension = next(read_blocks(place, method, within)).vectors[0].shape[1]
        with stage("exporting"):
            vectors = _Vectors(place, method, within, images, dimension, ImageColumns(place.manifest))
            _write_complete(folder, partial(_write, vectors, options.to))
    record_export(place, output, method.name, method.digest, images)
    return Export(method.name, images, dimension)


def _require_missing(folder: Path) -> None:
    if folder.exists():
        raise ConfigError(f"{folder} exists: name a folder that does not")


def _write_complete(folder: Path, write: Callable[[Path], None]) -> None:
    """Write a folder under a hidden name, then rename it; if that fails, or another process was faster, delete it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as hidden:
        unfinished = Path(hidden) / folder.name
        write(unfinished)
        _require_missing(folder)
        unfinished.rename(folder)


@dataclass(frozen=True)
class _Vectors:
    """The vectors of a run, their number and their dimension, and the user's own columns."""

    run: Run
    method: Method
    shards: Sequence[Location]
    images: int
    dimension: int
    own: ImageColumns

    @property
    def schema(self) -> pa.Schema:
        """Columns `id`, `uri` and `vector`, and the user's own."""
        vector = pa.field("vector", schema.vector_type(self.dimension))
        return pa.schema([pa.field("id", pa.string()), pa.field("uri", pa.string()), vector, *self.own.schema])

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Yield the images of one shard at a time."""
        blocks = read_blocks(self.run, self.method, self.shards)
        for shard, block in zip(self.shards, blocks, strict=True):
            details = find_rows(block.ids, [shard])
            uris = [without_credentials(details[image]["uri"]) for image in block.ids]
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(block.vectors[0].ravel()), self.dimension)
            given = {"id": pa.array(block.ids, pa.string()), "uri": pa.array(uris, pa.string()), "vector": vectors}
            rows = self.own.added_to(pa.table(given), shard.name)
            yield from rows.cast(self.schema).combine_chunks().to_batches()


def _write(vectors: _Vectors, to: str, folder: Path) -> None:
    """Write the vectors, and where they are from to `export.json`.

    If images were removed meanwhile, an error is raised before the folder gets its name.
    """
    with unpruned(vectors.run):
        _WRITERS[to](vectors, folder)
        origin = {
            "run": without_credentials(to_unicode(vectors.run.url)),
            "method": vectors.method.name,
            "digest": vectors.method.digest,
            "fingerprint": vectors.run.identity().fingerprint,
            "images": vectors.images,
            "osrmac": __version__,
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
        Location.of(folder / "export.json").write_json(origin)


def _write_npy(vectors: _Vectors, folder: Path) -> None:
    """Write `vectors.npy`, and the ids of its rows to `ids.parquet`."""
    folder.mkdir(parents=True)
    shape = vectors.images, vectors.dimension
    array = np.lib.format.open_memmap(folder / "vectors.npy", mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for values in _with_ids(vectors, folder):
        array[start : start + len(values)] = values
        start += len(values)
    array.flush()


def _write_faiss(vectors: _Vectors, folder: Path) -> None:
    """Write `flat.faiss`, an exact L1 index that is built in memory, and the ids of its rows to `ids.parquet`."""
    faiss = import_module("faiss")
    index = faiss.IndexFlat(vectors.dimension, faiss.METRIC_L1)
    folder.mkdir(parents=True)
    for values in _with_ids(vectors, folder):
        index.add(values)
    faiss.write_index(index, str(folder / "flat.faiss"))


def _write_lance(vectors: _Vectors, folder: Path) -> None:
    """Write a LanceDB database with the table `images`."""
    reader = pa.RecordBatchReader.from_batches(vectors.schema, iter(vectors))
    _lancedb().connect(str(folder)).create_table("images", reader)


def _lancedb() -> ModuleType:
    try:
        return import_module("lancedb")
    except ModuleNotFoundError as error:
        raise ConfigError("LanceDB is not installed: pip install 'osrmac[lance]'") from error


_WRITERS: Mapping[str, Callable[[_Vectors, Path], None]] = {
    "npy": _write_npy,
    "faiss": _write_faiss,
    "lance": _write_lance,
}


def _with_ids(vectors: _Vectors, folder: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors of one shard at a time, and write their ids to `ids.parquet`."""
    columns = pa.schema([field for field in vectors.schema if field.name != "vector"])
    with pq.ParquetWriter(folder / "ids.parquet", columns) as ids:
        for batch in vectors:
            ids.write_batch(batch.select(columns.names))
            yield shards.matrix(batch["vector"])
