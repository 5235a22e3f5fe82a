"""Measure planning and resuming a run of ten million images: time and peak memory of the driver.

The list of images is synthetic. To resume, half of the planned shards exist as empty files. Each step runs in a process
of its own. Prints JSON.
"""

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.common import parser, show
from osrmac.storage import manifest, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location

ROW_BYTES = 4 * 3072
BATCH = 500_000

F = TypeVar("F")


def write_list(path: Path, images: int) -> None:
    fields = [("id", pa.string()), ("uri", pa.string()), ("size", pa.int64()), ("etag", pa.string())]
    with pq.ParquetWriter(path, pa.schema(fields)) as writer:
        for start in range(0, images, BATCH):
            numbers = np.arange(start, min(start + BATCH, images))
            ids = [f"{number % 1000:03d}/{number:010d}.jpg" for number in numbers.tolist()]
            uris = [f"s3://archive-of-everything/scans/{name}" for name in ids]
            etags = [f"{number * 0x9E3779B97F4A7C15 % 2**128:032x}" for number in numbers.tolist()]
            writer.write_table(pa.table([ids, uris, numbers % 5_000_000, etags], schema=pa.schema(fields)))


def plan(folder: Path) -> dict[str, int]:
    changes = manifest.update(
        Location.of(folder / "manifest"),
        Location.of(folder / "descriptors"),
        listing(Location.of(folder / "list.parquet")),
        lambda new, images: shards.shard_count(new, images, ROW_BYTES, workers=16, rows=64),
    )
    return {"new": changes.new, "changed": changes.changed, "removed": changes.removed}


def resume(folder: Path) -> dict[str, int]:
    plans = manifest.shard_plans(Location.of(folder / "manifest"))
    pending = manifest.pending(plans, Location.of(folder / "descriptors"))
    return {"shards": len(plans), "pending": len(pending)}


def measure(step: Callable[[F], dict[str, int]], folder: F) -> dict[str, float]:
    started = time.perf_counter()
    result = step(folder)
    seconds = round(time.perf_counter() - started, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**result, "seconds": seconds, "peak MB": round(peak / 1024)}


def in_a_process(step: Callable[[F], dict[str, int]], folder: F) -> dict[str, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (step, folder))


def main() -> None:
    chosen = parser(__doc__)
    chosen.add_argument("--images", type=int, default=10_000_000)
    options = chosen.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_list(folder / "list.parquet", options.images)
        result = {"images": options.images, "first plan": in_a_process(plan, folder)}
        (folder / "descriptors").mkdir()
        for planned in manifest.shard_plans(Location.of(folder / "manifest"))[::2]:
            (folder / "descriptors" / planned.shard).touch()
        result["second plan of the same list"] = in_a_process(plan, folder)
        result["resume"] = in_a_process(resume, folder)
    show(result)


if __name__ == "__main__":
    main()
