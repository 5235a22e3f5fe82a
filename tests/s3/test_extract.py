"""`osrmac extract` on a bucket whose server and network fail."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from osrmac.runs.failures import summary
from osrmac.storage.run import Run

from .conftest import Command, committed, picture
from .proxy import TRANSIENT, Fault, Proxy, Rule

IMAGES, KILLED_IMAGES, SHARD_ROWS = 240, 120, 4


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    """The rows of the same pictures, described from the local disk."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "photos").mkdir()
    for number in range(IMAGES):
        (folder / "photos" / f"{number:04d}.png").write_bytes(picture(number))
    command = Command(str(folder / "photos"), Run(str(folder / "run")), ["--shard-rows", str(SHARD_ROWS)])
    command.finish()
    return committed(command.run)


@contextmanager
def watched(fs: s3fs.S3FileSystem, folder: str) -> Iterator[list[str]]:
    """Read every shard as soon as it is visible, and list those that are not complete."""
    bad: list[str] = []
    done = threading.Event()

    def watch() -> None:
        seen: set[str] = set()
        last = False
        while not last:
            last = done.wait(0.1)
            for key in set(fs.find(folder)) - seen:
                seen.add(key)
                try:
                    assert pq.read_table(fs.open(key)).num_rows == SHARD_ROWS
                except Exception as error:
                    bad.append(f"{key}: {error!r}")
        if not seen:
            bad.append("no shard was seen")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield bad
    finally:
        done.set()
        watcher.join()


@pytest.mark.timeout(600)
def test_every_image_has_one_row_though_a_fifth_of_all_requests_fail(
    bucket: str,
    direct: s3fs.S3FileSystem,
    proxy: Proxy,
    fill: Callable[[int], None],
    undisturbed: pa.Table,
    record_property: Callable[[str, object], None],
) -> None:
    fill(IMAGES)
    proxy.rules = [
        *(Rule([Fault.STALL], operations=[operation], key="/run/", times=1) for operation in ("GET", "PUT", "LIST")),
        Rule([Fault.STALL], operations=["GET"], key=r"/photos/00[135]7\.png", times=3),
        Rule(TRANSIENT, rate=0.2),
        Rule([Fault.DELAY], rate=0.1),
    ]
    options = ["--shard-rows", str(SHARD_ROWS), "--attempts", "10", "--fetch-timeout", "3"]
    disturbed = Command(f"s3://{bucket}/photos", Run(f"s3://{bucket}/run"), options)
    with watched(direct, f"{bucket}/run/descriptors") as bad:
        output = disturbed.finish()
    assert bad == []
    assert f"{IMAGES} images described, 0 failed" in output
    requests, faults = len(proxy.record), proxy.faults()
    assert set(faults) == {fault.name for fault in (*TRANSIENT, Fault.DELAY, Fault.STALL)}
    assert sum(faults[fault.name] for fault in TRANSIENT) > 0.15 * requests
    by_operation = Counter(one.operation for one in proxy.record if one.fault)
    assert set(by_operation) >= {"GET", "HEAD", "PUT", "LIST"}

    proxy.forget()
    rows = committed(disturbed.run)
    assert rows.equals(undisturbed)
    assert len(direct.find(f"{bucket}/run/descriptors")) == IMAGES // SHARD_ROWS
    assert not direct.exists(f"{bucket}/run/lock.json")
    assert f"{IMAGES} images described, 0 failed, 0 of them now" in disturbed.finish()
    assert proxy.requests("PUT", "/run/descriptors/") == []
    record_property("requests", requests)
    print(f"{requests} requests, faults {dict(faults)} of {dict(by_operation)}, {rows.num_rows} rows compared")


@pytest.mark.timeout(300)
def test_images_that_cannot_be_fetched_have_a_failed_row(
    bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy, fill: Callable[[int], None]
) -> None:
    fill(12)
    attempts = 3
    faults = {
        "0001.png": Fault.FORBIDDEN,
        "0002.png": Fault.MISSING,
        "0003.png": Fault.SLOW_DOWN,
        "0004.png": Fault.STALL,
        "0005.png": Fault.TRUNCATE,
    }
    proxy.rules = [Rule([fault], operations=["GET"], key=f"/photos/{name}") for name, fault in faults.items()]
    run = Run(f"s3://{bucket}/run")
    command = Command(f"s3://{bucket}/photos", run, ["--attempts", str(attempts), "--fetch-timeout", "2"])
    assert "7 images described, 5 failed" in command.finish()
    rows = {row["id"]: row for row in committed(run).to_pylist() if row["status"] == "failed"}
    assert set(rows) == set(faults)
    assert {row["error_stage"] for row in rows.values()} == {"fetch"}
    assert rows["0001.png"]["error"].startswith("PermissionError")
    assert rows["0002.png"]["error"].startswith("FileNotFoundError")
    assert rows["0004.png"]["error"] == "TimeoutError: no answer within 2 s"
    assert all(row["error"] for row in rows.values())
    attempted = {name: len(proxy.requests("GET", f"/photos/{name}")) for name in faults}
    assert attempted == {name: 1 if name in {"0001.png", "0002.png"} else attempts for name in faults}

    proxy.forget()
    command.options.append("--retry-failed")
    assert "12 images described, 0 failed, 5 of them now" in command.finish()
    assert len(proxy.requests("GET", "/photos/")) == 5
    assert summary(run) == (12, [])


@pytest.mark.timeout(300)
def test_a_killed_extraction_is_continued_and_its_lock_taken_over(
    bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy, fill: Callable[[int], None], undisturbed: pa.Table
) -> None:
    fill(KILLED_IMAGES)
    run = Run(f"s3://{bucket}/run")
    command = Command(f"s3://{bucket}/photos", run, ["--shard-rows", str(SHARD_ROWS)])
    proxy.delay = 8.0
    proxy.rules = [Rule([Fault.DELAY], operations=["PUT"], key="/run/descriptors/")]
    with watched(direct, f"{bucket}/run/descriptors") as bad:
        first = command.start()
        while len(direct.find(f"{bucket}/run/descriptors")) < 5:
            assert first.poll() is None, first.communicate()
            time.sleep(0.1)
        second = command.start()
        _, errors = second.communicate()
        assert second.returncode == 1
        (message,) = (line for line in errors.splitlines() if line.startswith("osrmac:"))
        assert f"is in use by process {first.pid} on {os.uname().nodename}" in message
        assert first.poll() is None
        first.kill()
        first.communicate()
        before = direct.find(f"{bucket}/run/descriptors")
        assert 5 <= len(before) < KILLED_IMAGES // SHARD_ROWS
        assert direct.exists(f"{bucket}/run/lock.json")

        proxy.forget()
        assert f"{KILLED_IMAGES} images described, 0 failed" in command.finish()
    assert bad == []
    written = {one.key for one in proxy.requests("PUT", "/run/descriptors/")}
    assert written
    assert not written & set(before)
    assert committed(run).equals(undisturbed.slice(0, KILLED_IMAGES))
    assert not direct.exists(f"{bucket}/run/lock.json")
