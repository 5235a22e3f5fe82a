"""From requests to shards: fetch the bytes, describe them in an actor pool, commit the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
import torch
from numpy.typing import NDArray
from ray.data import ActorPoolStrategy
from ray.data.block import Block
from ray.data.datasource import Datasink

from osrmac.config import ComputeConfig, DescriptorConfig
from osrmac.descriptor import backbones
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.weights import Weights
from osrmac.errors import reason
from osrmac.pipeline.cluster import IO_CPUS, Pool, connect, size_pool
from osrmac.pipeline.progress import CounterHandle, watching
from osrmac.storage import files, schema, shards
from osrmac.storage.run import Identity

__all__ = ["describe", "pending"]

_BATCH = 8
_MOST_ROWS_A_BLOCK = 256
_BLOCKS = 64


def pending(requests: pa.Table, folder: str) -> pa.Table:
    """The requests of which no row is committed in a folder of shards."""
    committed = [shards.read(shard, ["id"])["id"] for shard in shards.paths(folder)]
    if not committed:
        return requests
    ids = pa.chunked_array([chunk for column in committed for chunk in column.chunks], pa.string())
    return requests.filter(pc.invert(pc.is_in(requests["id"], value_set=ids)))


def describe(requests: pa.Table, folder: str, identity: Identity, weights: Weights, compute: ComputeConfig) -> int:
    """Commit a row for every request that has none yet.

    Args:
        requests: Columns `id`, `uri` and, where only a part is described, `box`.
        folder: Where the shards belong.
        identity: What is to be computed.
        weights: Of the backbone.
        compute: How the work is spread.

    Returns:
        The number of rows committed by this call.

    Raises:
        ConfigError: The actors do not fit into the cluster.
    """
    left = pending(requests, folder)
    if not left.num_rows:
        return 0
    names = [name for name in ("id", "uri", "box") if name in left.column_names]
    connect(compute)
    pool = size_pool(compute)
    blocks = _blocks(left.select(names))
    with watching(left.num_rows) as counter:
        fetched = ray.data.from_arrow(blocks).map_batches(
            _fetch, batch_size=_BATCH, batch_format="pyarrow", num_cpus=IO_CPUS
        )
        described = fetched.map_batches(
            _DescribingActor,
            fn_constructor_args=(identity, ray.put(dict(weights.state)), pool, compute.threads, counter),
            compute=ActorPoolStrategy(size=min(pool.actors, len(blocks))),
            batch_size=_BATCH,
            batch_format="pyarrow",
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
        )
        rows = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
        most = shards.rows_per_shard(left.num_rows, regions=bool(identity.regional))
        sink = _ShardSink(folder, rows, most)
        described.write_datasink(sink, ray_remote_args={"num_cpus": IO_CPUS})
    return left.num_rows


def _blocks(requests: pa.Table) -> list[pa.Table]:
    rows = min(max(requests.num_rows // _BLOCKS, _BATCH), _MOST_ROWS_A_BLOCK)
    return [requests.slice(start, rows).combine_chunks() for start in range(0, requests.num_rows, rows)]


def _fetch(requests: pa.Table) -> pa.Table:
    """Add the content of each image, or the error that kept it away."""
    found = files.fetch(requests["uri"].to_pylist())
    contents = [content if isinstance(content, bytes) else None for content in found]
    errors = [None if isinstance(content, bytes) else reason(content) for content in found]
    return requests.append_column("content", pa.array(contents, pa.large_binary())).append_column(
        "error", pa.array(errors, pa.string())
    )


class _DescribingActor:
    """Holds one backbone, built from a state dict in the object store, and turns fetched images into rows."""

    def __init__(
        self,
        identity: Identity,
        state: Any,
        pool: Pool,
        threads: int,
        counter: CounterHandle,
    ) -> None:
        torch.set_num_threads(threads)
        config: DescriptorConfig = identity.descriptor
        backbone = backbones.build(config.backbone, config.taps, ray.get(state))
        self._describer = Describer(backbone, config, pool.device)
        self._schema = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
        self._counter = counter

    def __call__(self, fetched: pa.Table) -> pa.Table:
        results = self._results(fetched)
        failed = sum(isinstance(result, Failure) for result in results)
        self._counter.add.remote(len(results) - failed, failed)
        return _rows(fetched, results, self._schema)

    def _results(self, fetched: pa.Table) -> list[Description | Failure]:
        contents, errors = fetched["content"].to_pylist(), fetched["error"].to_pylist()
        boxes = fetched["box"].to_pylist() if "box" in fetched.column_names else [None] * len(contents)
        there = [index for index, content in enumerate(contents) if content is not None]
        described = iter(self._describer([contents[i] for i in there], [boxes[i] for i in there]))
        return [
            next(described) if content is not None else Failure("fetch", error)
            for content, error in zip(contents, errors, strict=True)
        ]


def _rows(requests: pa.Table, results: Iterable[Description | Failure], rows: pa.Schema) -> pa.Table:
    found = [
        {"status": schema.OK, "width": result.width, "height": result.height, **_listed(result.vectors)}
        if isinstance(result, Description)
        else {"status": schema.FAILED, "error_stage": result.stage, "error": result.reason}
        for result in results
    ]
    made = [field for field in rows if field.name not in {"id", "uri"}]
    columns = {field.name: pa.array([row.get(field.name) for row in found], field.type) for field in made}
    return pa.table({"id": requests["id"], "uri": requests["uri"], **columns})


def _listed(vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """The same as Arrow takes them: a matrix, of regions, as a list of its rows."""
    return {recipe: list(found) if found.ndim == 2 else found for recipe, found in vectors.items()}


class _ShardSink(Datasink[str]):
    """Commits every block of rows as a shard."""

    def __init__(self, folder: str, rows: pa.Schema, rows_per_shard: int) -> None:
        self._folder = folder
        self._schema = rows
        self._rows_per_shard = rows_per_shard

    @property
    def min_rows_per_write(self) -> int:
        """Blocks are gathered until a shard is full."""
        return self._rows_per_shard

    def write(self, blocks: Iterable[Block], ctx: object) -> str:  # noqa: ARG002
        """Commit the rows of some blocks; the name of their shard."""
        rows = pa.concat_tables([block for block in blocks if block.num_rows])
        return shards.write(self._folder, rows.cast(self._schema))
