"""A shard of more than 100 MB, a multipart upload, becomes visible only when it is complete."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from osrmac.errors import StorageError
from osrmac.storage import retry, shards
from osrmac.storage.location import Location

from .proxy import TRANSIENT, Fault, Proxy, Rule

ROWS, DIMENSIONS = 15_500, 2048
NAME = "part-0.parquet"


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """Rows of 127 MB, 114 MB when compressed."""
    values = np.random.default_rng(0).standard_normal(ROWS * DIMENSIONS, np.float32)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(values), DIMENSIONS)
    return pa.table({"id": [f"{number:06d}" for number in range(ROWS)], "osrmac": vectors})


@contextmanager
def sizes_seen(fs: s3fs.S3FileSystem, key: str) -> Iterator[set[int]]:
    """Collect the sizes that an object is seen to have."""
    seen: set[int] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            seen.update(info["size"] for info in fs.find(key, detail=True).values())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        done.set()
        watcher.join()


def uploads(fs: s3fs.S3FileSystem, bucket: str) -> int:
    """The number of multipart uploads in progress."""
    return len(fs.call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", []))


def test_a_large_shard_appears_when_it_is_complete(
    table: pa.Table, bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy
) -> None:
    proxy.rules = [Rule([fault], operations=["PART"], times=1) for fault in TRANSIENT]
    proxy.rules += [Rule([Fault.SLOW_DOWN], operations=["BEGIN"], times=1)]
    # Some servers no longer know an upload once it is completed, and answer a repeated request with 404.
    ends = (Fault.RESET, Fault.ERROR, Fault.LOST, Fault.MISSING)
    proxy.rules += [Rule([fault], operations=["COMPLETE"], times=1) for fault in ends]
    key = f"{bucket}/run/{NAME}"
    with sizes_seen(direct, key) as seen:
        shards.write(Location.of(f"s3://{bucket}/run"), table, NAME)
        size = direct.info(key)["size"]
    assert seen <= {size}
    assert size > 100_000_000
    assert len(proxy.requests("PART", NAME)) >= 3 + len(TRANSIENT)
    assert len(proxy.requests("COMPLETE", NAME)) == len(ends) + 1
    proxy.rules = [Rule(TRANSIENT, operations=["GET"], times=6)]
    assert shards.read(Location.of(f"s3://{bucket}/run/{NAME}")).equals(table)


def test_a_failed_upload_leaves_the_earlier_shard(
    table: pa.Table, bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards.write(Location.of(f"s3://{bucket}/run"), table.slice(0, 10), NAME)
    monkeypatch.setattr(retry, "_S3_ATTEMPTS", 2)
    proxy.rules = [Rule([Fault.SLOW_DOWN], operations=["PART"], key=NAME)]
    for name in (NAME, f"new-{NAME}"):
        with pytest.raises(StorageError, match=r"cannot write .* reduce your request rate"):
            shards.write(Location.of(f"s3://{bucket}/run"), table, name)
    assert len(proxy.requests("ABORT", NAME)) == 2
    assert uploads(direct, bucket) == 0
    assert direct.find(f"{bucket}/run") == [f"{bucket}/run/{NAME}"]
    assert pq.read_table(direct.open(f"{bucket}/run/{NAME}")).num_rows == 10


def test_a_killed_upload_leaves_no_object(bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy) -> None:
    proxy.rules = [Rule([Fault.STALL], operations=["COMPLETE"])]
    code = (
        "import os, sys\n"
        "from osrmac.storage.location import Location\n"
        "Location.of(sys.argv[1]).write_bytes(os.urandom(110_000_000))\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, f"s3://{bucket}/run/{NAME}"])
    while not proxy.requests("COMPLETE", NAME):
        assert writer.poll() is None
        time.sleep(0.05)
    writer.kill()
    assert writer.wait() == -signal.SIGKILL
    assert len(proxy.requests("PART", NAME)) == 3
    assert direct.find(f"{bucket}/run") == []
    assert uploads(direct, bucket) == 1
    shards.write(Location.of(f"s3://{bucket}/run"), pa.table({"id": ["a"]}), NAME)
    assert shards.read(Location.of(f"s3://{bucket}/run/{NAME}"))["id"].to_pylist() == ["a"]
