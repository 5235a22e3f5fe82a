"""Every kind of request under every kind of fault, made through the storage package."""

import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3fs

from osrmac.errors import StorageError
from osrmac.storage import retry, shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.reading.fetch import Fetcher
from tests.archives import tar_bytes

from .proxy import TRANSIENT, Fault, Proxy, Rule

TABLE = pa.table({"id": [f"{number:03d}" for number in range(100)]})


def _read(url: str, _fs: s3fs.S3FileSystem) -> None:
    assert Location.of(f"{url}/photos/a.png").read_bytes() == b"A" * 1000


def _fetch(url: str, _fs: s3fs.S3FileSystem) -> None:
    assert list(Fetcher()([f"{url}/photos/a.png"])) == [b"A" * 1000]


def _read_shard(url: str, _fs: s3fs.S3FileSystem) -> None:
    assert shards.read(Location.of(f"{url}/run/part-0.parquet")).equals(TABLE)
    assert shards.footer(Location.of(f"{url}/run/part-0.parquet")).num_rows == 100


def _list(url: str, _fs: s3fs.S3FileSystem) -> None:
    assert Location.of(f"{url}/run").files() == [Location.of(f"{url}/run/part-0.parquet")]
    (found,) = listing(Location.of(f"{url}/photos"))
    assert found["id"].to_pylist() == ["a.png"]


def _list_archive(url: str, fs: s3fs.S3FileSystem) -> None:
    fs.pipe_file(f"{url}/tars/1.tar", tar_bytes({"a.png": b"A" * 1000}))
    (found,) = listing(Location.of(f"{url}/tars"))
    assert list(Fetcher()(found["uri"].to_pylist())) == [b"A" * 1000]


def _list_rows(url: str, fs: s3fs.S3FileSystem) -> None:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": [b"A" * 1000]}), buffer)
    fs.pipe_file(f"{url}/rows/1.parquet", buffer.getvalue())
    (found,) = listing(Location.of(f"{url}/rows"))
    assert list(Fetcher()(found["uri"].to_pylist())) == [b"A" * 1000]


def _write(url: str, fs: s3fs.S3FileSystem) -> None:
    Location.of(f"{url}/run/new").write_bytes(b"new" * 500)
    assert fs.cat_file(f"{url}/run/new") == b"new" * 500


def _create(url: str, fs: s3fs.S3FileSystem) -> None:
    assert Location.of(f"{url}/run/lock").create(b"mine")
    assert not Location.of(f"{url}/run/lock").create(b"theirs")
    assert fs.cat_file(f"{url}/run/lock") == b"mine"


def _remove(url: str, fs: s3fs.S3FileSystem) -> None:
    Location.of(f"{url}/photos/a.png").remove()
    assert not fs.exists(f"{url}/photos/a.png")


@pytest.mark.parametrize("fault", TRANSIENT)
@pytest.mark.parametrize(
    "act", [_read, _fetch, _read_shard, _list, _list_archive, _list_rows, _write, _create, _remove]
)
def test_a_request_succeeds_after_transient_faults(
    act: Callable[[str, s3fs.S3FileSystem], None], fault: Fault, bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy
) -> None:
    direct.pipe_file(f"{bucket}/photos/a.png", b"A" * 1000)
    shards.write_table(Location.of(f"s3://{bucket}/run/part-0.parquet"), TABLE)
    proxy.forget()
    proxy.rules = [Rule([fault], times=3)]
    act(f"s3://{bucket}", direct)
    assert proxy.faults() == {fault.name: 3}


@pytest.mark.parametrize("operation", ["GET", "PUT", "LIST"])
def test_a_request_without_a_response_times_out_and_is_repeated(
    operation: str, bucket: str, direct: s3fs.S3FileSystem, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3fs.S3FileSystem, "read_timeout", 2)
    direct.pipe_file(f"{bucket}/photos/a.png", b"A" * 1000)
    direct.pipe_file(f"{bucket}/run/part-0.parquet", b"-")
    proxy.rules = [Rule([Fault.STALL], operations=[operation], times=1)]
    {"GET": _read, "PUT": _write, "LIST": _list}[operation](f"s3://{bucket}", direct)
    assert proxy.faults() == {"STALL": 1}


@pytest.mark.parametrize("fault", [Fault.FORBIDDEN, Fault.MISSING])
def test_a_permanent_error_is_not_retried(fault: Fault, bucket: str, proxy: Proxy) -> None:
    proxy.rules = [Rule([fault])]
    (found,) = Fetcher()([f"s3://{bucket}/a.png"])
    assert isinstance(found, PermissionError if fault is Fault.FORBIDDEN else FileNotFoundError)
    assert len(proxy.record) == 1


def test_a_forbidden_bucket_is_an_error_of_one_line(bucket: str, proxy: Proxy) -> None:
    proxy.rules = [Rule([Fault.FORBIDDEN])]
    for act in (Location.files, Location.read_bytes, Location.remove, listing, shards.read):
        with pytest.raises(StorageError, match="PermissionError") as caught:
            act(Location.of(f"s3://{bucket}/run"))
        assert "\n" not in str(caught.value)
    for write in (Location.write_bytes, Location.create):
        with pytest.raises(StorageError, match="PermissionError"):
            write(Location.of(f"s3://{bucket}/run"), b"-")


def test_the_number_of_attempts_is_limited(bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_S3_ATTEMPTS", 3)
    proxy.rules = [Rule([Fault.ERROR])]
    with pytest.raises(StorageError, match="cannot access"):
        Location.of(f"s3://{bucket}/run/run.json").read_bytes()
    assert len(proxy.record) == 3
