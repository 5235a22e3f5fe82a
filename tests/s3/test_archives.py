"""Images in tar archives and Parquet files in a bucket, by an extraction that is killed."""

import io
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from osrmac.storage import shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.archives import HUGGING_FACE, tar_bytes

from .conftest import Command, committed, picture
from .proxy import Fault, Proxy, Rule

ARCHIVES, MEMBERS, SHARD_ROWS, GROUP = 4, 10, 4, 5


def tars() -> dict[str, bytes]:
    """Archives with pictures of 3 kB and labels."""
    return {
        f"{number}.tar": tar_bytes(
            {f"{member}.png": picture(number * MEMBERS + member) for member in range(MEMBERS)} | {"0.cls": b"7"}
        )
        for number in range(ARCHIVES)
    }


def parquets() -> dict[str, bytes]:
    files = {}
    for number in range(ARCHIVES):
        images = [{"bytes": picture(number * MEMBERS + member), "path": None} for member in range(MEMBERS)]
        buffer = io.BytesIO()
        pq.write_table(pa.table({"image": pa.array(images, HUGGING_FACE)}), buffer, row_group_size=GROUP)
        files[f"{number}.parquet"] = buffer.getvalue()
    return files


@pytest.mark.timeout(600)
@pytest.mark.parametrize("files", [tars, parquets])
def test_a_killed_extraction_reads_no_finished_image_and_no_header_again(
    files: Callable[[], dict[str, bytes]], bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy
) -> None:
    for name, content in files().items():
        direct.pipe_file(f"{bucket}/data/{name}", content)
    run = Run(f"s3://{bucket}/run")
    command = Command(f"s3://{bucket}/data", run, ["--shard-rows", str(SHARD_ROWS)])
    proxy.delay = 4.0
    proxy.rules = [Rule([Fault.DELAY], operations=["PUT"], key="/run/descriptors/")]
    process = command.start()
    while len(shards.paths(run.descriptors)) < 5:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    process.communicate()
    time.sleep(5)  # its workers live on for a moment
    finished = sum(shards.footer(shard).num_rows for shard in shards.paths(run.descriptors))
    left = ARCHIVES * MEMBERS - finished
    proxy.forget()
    assert f"{ARCHIVES * MEMBERS} images described, 0 failed" in command.finish()
    requests = len(proxy.requests("GET", "/data/"))
    if files is tars:
        assert requests <= left
    rows = committed(run)
    assert rows.num_rows == ARCHIVES * MEMBERS
    print(f"{finished} finished, {left} left, {requests} GETs of {len(files())} files")


def test_members_of_small_archives_are_listed_with_one_request_each(
    bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy
) -> None:
    for name, content in tars().items():
        direct.pipe_file(f"{bucket}/data/{name}", content)
    large = {f"{number}.png": np.random.default_rng(number).bytes(9 << 20) for number in range(3)}
    direct.pipe_file(f"{bucket}/data/large.tar", tar_bytes(large))
    proxy.forget()
    rows = pa.concat_tables(listing(Location.of(f"s3://{bucket}/data")))
    assert rows.num_rows == ARCHIVES * MEMBERS + 3
    assert len(proxy.requests("GET", r"/\d\.tar")) == ARCHIVES
    assert len(proxy.requests("GET", r"/large\.tar")) <= 5
