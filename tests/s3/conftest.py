import io
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import s3fs
from moto.server import ThreadedMotoServer
from PIL import Image

from osrmac.storage import manifest, shards
from osrmac.storage.run import Run

from .proxy import Proxy, running

OPTIONS = "--backbone resnet18 --weights random:0 --recipes single osrmac --image-sizes 96 64 48 --workers 1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.s3server)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """URL of an S3 server: that of $OSRMAC_S3_ENDPOINT, which the AWS keys belong to, or one started here."""
    given = os.environ.get("OSRMAC_S3_ENDPOINT")
    if given:
        yield given
        return
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def proxy(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The proxy that this process and its children use as S3."""
    with running(endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        s3fs.S3FileSystem.clear_instance_cache()
        yield proxy
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def direct(endpoint: str, proxy: Proxy) -> s3fs.S3FileSystem:
    """The server without the proxy, as other clients of the bucket see it."""
    return s3fs.S3FileSystem(endpoint_url=endpoint, use_listings_cache=False)


@pytest.fixture
def bucket(direct: s3fs.S3FileSystem) -> Iterator[str]:
    """The name of a new bucket."""
    name = f"osrmac-{uuid.uuid4().hex[:12]}"
    direct.mkdir(name)
    yield name
    for key in direct.find(name):
        direct.rm_file(key)
    direct.rmdir(name)


def picture(seed: int) -> bytes:
    """A PNG that differs for each seed."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((120, 90), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Command:
    """`osrmac extract` of a collection, in a process of its own.

    Attributes:
        images: URL of the collection.
        run: Run to write.
        options: Further options.
    """

    images: str
    run: Run
    options: list[str] = field(default_factory=list)

    def start(self) -> subprocess.Popen[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        command = ["-m", "osrmac", "extract", self.images, self.run.url, *OPTIONS.split(), *self.options]
        return subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def finish(self) -> str:
        """Run the command to its end, and return what it printed."""
        process = self.start()
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
        return output + errors


@pytest.fixture
def fill(bucket: str, direct: s3fs.S3FileSystem) -> Callable[[int], None]:
    """Returns a function that puts a number of pictures into the bucket, under `photos/`."""

    def put(images: int) -> None:
        for number in range(images):
            direct.pipe_file(f"{bucket}/photos/{number:04d}.png", picture(number))

    return put


def committed(run: Run) -> pa.Table:
    """All rows by id, without the URIs; fails unless every planned id is there exactly once."""
    rows = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.descriptors)).sort_by("id")
    planned = manifest.read_all(run.manifest, ["id"])["id"].sort()
    assert rows["id"].to_pylist() == planned.to_pylist()
    return rows.drop_columns(["uri"])
