"""From the plan to shards: each describing process fetches the images of a shard, describes them and commits it."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
import ray.data
import torch
from numpy.typing import NDArray
from ray.data import ActorPoolStrategy

from osrmac.config import ComputeConfig, FailureConfig
from osrmac.descriptor import backbones
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.weights import Weights
from osrmac.errors import FailureRateError, reason
from osrmac.pipeline.cluster import Pool, connect, root_cause, size_pool
from osrmac.pipeline.ledger import LedgerHandle, open_ledger
from osrmac.pipeline.progress import watching
from osrmac.storage import files, manifest, schema, shards
from osrmac.storage.fetch import Fetcher
from osrmac.storage.manifest import Unit
from osrmac.storage.run import Identity

__all__ = ["describe"]

_DEATHS = 2
"""Processes that may die with an image alone in hand, after one with several, before it has failed."""

_JUDGED_AFTER = 100
_PROGRESS_SECONDS = 1.0


def describe(
    planned: str,
    folder: str,
    identity: Identity,
    weights: Weights,
    compute: ComputeConfig,
    failures: FailureConfig = FailureConfig(),
) -> int:
    """Commit every planned shard that is not committed yet.

    Args:
        planned: Folder of a manifest.
        folder: Where the shards belong.
        identity: What is to be computed.
        weights: Of the backbone.
        compute: How the work is spread.
        failures: What is done about images that fail.

    Returns:
        The number of rows that were made by this call.

    Raises:
        ConfigError: The actors do not fit into the cluster.
        FailureRateError: Too many images failed.
        StorageError: A shard cannot be written.
    """
    left = manifest.pending(manifest.units(planned), folder)
    if not left:
        return 0
    files.remove_traces(folder)
    connect(compute)
    pool = size_pool(compute)
    ledger = open_ledger()
    work = ray.data.from_items([asdict(unit) for unit in left], override_num_blocks=len(left))
    done = work.map_batches(
        _DescribingActor,
        fn_constructor_args=(folder, identity, ray.put(dict(weights.state)), pool, compute, failures, ledger),
        compute=ActorPoolStrategy(size=min(pool.actors, len(left))),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=pool.cpus,
        num_gpus=pool.gpus,
    )
    rows = sum(unit.rows for unit in left)
    with watching(ledger, rows), root_cause():
        return _follow(done, failures.max_failure_rate, rows)


def _follow(done: ray.data.Dataset, most: float, rows: int) -> int:
    """Drive the work, and stop it when too much of it fails; the number of rows made."""
    described = failed = 0
    for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        described += pc.sum(batch["described"]).as_py()
        failed += pc.sum(batch["failed"]).as_py()
        judged = described + failed >= min(_JUDGED_AFTER, rows)
        if judged and failed > most * (described + failed):
            raise FailureRateError(
                f"{failed} of {described + failed} images failed, more than --max-failure-rate {most:g} allows: see "
                "the column error of the rows, mend the cause, and run the same command with --retry-failed"
            )
    return described + failed


class _DescribingActor:
    """Holds one backbone, built from a state dict in the object store, and turns units of the plan into shards."""

    def __init__(
        self,
        folder: str,
        identity: Identity,
        state: Any,
        pool: Pool,
        compute: ComputeConfig,
        failures: FailureConfig,
        ledger: LedgerHandle,
    ) -> None:
        torch.set_num_threads(compute.threads)
        config = identity.descriptor
        backbone = backbones.build(config.backbone, config.taps, ray.get(state))
        self._describer = Describer(backbone, config, pool.device)
        self._fetch = Fetcher(compute.fetches, failures.tries, failures.fetch_timeout)
        self._image_timeout = failures.image_timeout
        self._folder = folder
        self._schema = schema.descriptors(identity.dimensions, identity.fingerprint, identity.regional)
        self._ledger = ledger

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Commit the shards of some units."""
        counts = [self._commit(Unit(**row)) for row in batch.to_pylist()]
        described, failed = zip(*counts, strict=True)
        return pa.table({"described": pa.array(described, pa.int64()), "failed": pa.array(failed, pa.int64())})

    def _commit(self, unit: Unit) -> tuple[int, int]:
        """Describe what a unit asks for and commit its shard; how many were described, and how many failed."""
        attempt, deaths = ray.get(self._ledger.begin.remote(unit.shard))
        planned = manifest.read(unit)
        kept = self._kept(unit, planned)
        due = planned if kept is None else planned.filter(pc.invert(_among(planned["id"], kept["id"])))
        results = list(self._counted(unit, self._swiftly(due) if attempt == 1 else self._singly(unit, due, deaths)))
        rows = _rows(due, results, self._schema)
        whole = rows if kept is None else pa.concat_tables([kept.cast(self._schema), rows])
        shards.write(self._folder, whole, unit.shard, unit.generation)
        failed = sum(isinstance(result, Failure) for result in results)
        self._ledger.finish.remote(unit.shard, len(results) - failed, failed)
        return len(results) - failed, failed

    def _kept(self, unit: Unit, planned: pa.Table) -> pa.Table | None:
        """The rows of a committed shard that fulfil the plan, or None if nothing is committed."""
        url = files.join(self._folder, unit.shard)
        if url not in shards.paths(self._folder):
            return None
        fulfilled = planned.filter(pc.field("generation") <= shards.generation(url))
        rows = shards.read(url)
        return rows.filter(_among(rows["id"], fulfilled["id"]))

    def _swiftly(self, due: pa.Table) -> Iterator[Description | Failure]:
        """Describe images while the next ones are fetched."""
        for content, box in zip(self._fetch(due["uri"].to_pylist()), _boxes(due), strict=True):
            yield self._describe(content, box)

    def _singly(self, unit: Unit, due: pa.Table, deaths: Mapping[str, int]) -> Iterator[Description | Failure]:
        """The same with one image in hand at a time, as a process has died: what kills the next one is then known."""
        for image, uri, box in zip(due["id"].to_pylist(), due["uri"].to_pylist(), _boxes(due), strict=True):
            if deaths.get(image, 0) >= _DEATHS:
                yield Failure("describe", f"the process died of it {_DEATHS + 1} times, or was stuck")
                continue
            ray.get(self._ledger.hold.remote(unit.shard, image))
            (content,) = self._fetch([uri])
            yield self._describe(content, box)

    def _describe(self, content: bytes | Exception, box: Any) -> Description | Failure:
        if isinstance(content, Exception):
            return Failure("fetch", reason(content))
        (result,) = self._describer([content], [box])
        return result

    def _counted(self, unit: Unit, results: Iterator[Description | Failure]) -> Iterator[Description | Failure]:
        """Tell the ledger now and then how far a unit is; end this process if one image takes too long."""
        counts = [0, 0]
        told = time.monotonic()
        while True:
            faulthandler.dump_traceback_later(self._image_timeout, exit=True)
            result = next(results, None)
            faulthandler.cancel_dump_traceback_later()
            if result is None:
                return
            counts[isinstance(result, Failure)] += 1
            if time.monotonic() - told > _PROGRESS_SECONDS:
                self._ledger.progress.remote(unit.shard, *counts)
                told = time.monotonic()
            yield result


def _among(ids: pa.ChunkedArray, others: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(ids, value_set=others.combine_chunks())


def _boxes(due: pa.Table) -> list[Any]:
    boxes: list[Any] = due["box"].to_pylist() if "box" in due.column_names else [None] * due.num_rows
    return boxes


def _rows(due: pa.Table, results: Iterable[Description | Failure], rows: pa.Schema) -> pa.Table:
    found = [
        {"status": schema.OK, "width": result.width, "height": result.height, **_listed(result.vectors)}
        if isinstance(result, Description)
        else {"status": schema.FAILED, "error_stage": result.stage, "error": result.reason}
        for result in results
    ]
    made = [field for field in rows if field.name not in {"id", "uri"}]
    columns = {field.name: pa.array([row.get(field.name) for row in found], field.type) for field in made}
    return pa.table({"id": due["id"], "uri": due["uri"], **columns}, schema=rows)


def _listed(vectors: Mapping[str, NDArray[np.float32]]) -> dict[str, Any]:
    """The same as Arrow takes them: a matrix, of regions, as a list of its rows."""
    return {recipe: list(found) if found.ndim == 2 else found for recipe, found in vectors.items()}
