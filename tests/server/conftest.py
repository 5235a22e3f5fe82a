"""Web applications that are asked without a network, on runs written row by row and on a described one."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from osrmac.config import ServeConfig
from osrmac.server.app import create_app
from osrmac.server.columns import read_columns
from osrmac.server.protection.access import Access
from osrmac.server.site import Site
from osrmac.storage.run import Run
from tests.server.processes import Server, serving
from tests.tiny_run import tiny_run

Serve = Callable[..., TestClient]

HOSTILE = "<script>alert(1)</script>.jpg"
QUOTED = "a \"quoted\" 'name' & more.jpg"
BROKEN_LINE = "two\nlines.jpg"
ENCODED = "%2e%2e%2fsecret.jpg"
FAILED = "broken.jpg"
PLAIN = [f"photo{number:02d}.jpg" for number in range(26)]
IDS = sorted([*PLAIN, HOSTILE, QUOTED, BROKEN_LINE, ENCODED])
SIZE = (60, 40)


def write_picture(file: Path, color: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (color % 256, 80, 120)).save(file)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of 30 pictures, some with names that are markup, and of one that failed; tests must not change it."""
    return write_run(tmp_path_factory.mktemp("written"))


@pytest.fixture
def own(tmp_path: Path) -> Run:
    """Such a run for tests that change it."""
    return write_run(tmp_path)


def write_run(folder: Path) -> Run:
    vectors = np.random.default_rng(7).normal(size=(len(IDS), 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    recipes = {"single": dict(zip(IDS, vectors, strict=True))}
    failed = {FAILED: ("decode", "the <b>file</b> is empty")}
    sizes = dict.fromkeys(IDS, SIZE)
    run = tiny_run(folder / "run", recipes, failed=failed, sizes=sizes, rows_per_shard=7, photos=folder / "photos")
    for number, name in enumerate(IDS):
        write_picture(folder / "photos" / name, 9 * number)
    return run


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Function that returns a client of the web application of a run."""
    with ExitStack() as clients:

        def serve(run: Run, token: str | None = None, hosts: tuple[str, ...] = (), **options: object) -> TestClient:
            config = ServeConfig(**options)  # type: ignore[arg-type]
            site = Site(run, config, read_columns(config.columns))
            app = create_app(site, Access(frozenset({"localhost", *hosts}), token=token))
            client = TestClient(app, base_url="http://localhost", follow_redirects=False)
            return clients.enter_context(client)

        yield serve


@pytest.fixture(scope="module")
def client(serve: Serve, written: Run) -> TestClient:
    """Client of the web application of the written run."""
    return serve(written)


def site_of(client: TestClient) -> Site:
    """Return what the requests of a client share."""
    site: Site = client.app.state.site  # type: ignore[attr-defined]
    return site


MAX_UPLOAD = 2_000_000
"""Largest picture that the attacked server takes, in bytes."""


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run whose server is attacked, and whose collection is changed meanwhile."""
    return write_run(tmp_path_factory.mktemp("attacked"))


@pytest.fixture(scope="session")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for the temporary files of the server."""
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="session")
def server(attacked: Run, spool: Path) -> Iterator[Server]:
    """A server process that needs no token."""
    with serving(attacked.url, spool, "--max-upload", str(MAX_UPLOAD)) as server:
        while "cannot be searched for" not in (spool / "errors").read_text():  # memory grows until torch is loaded
            assert server.process.poll() is None
            time.sleep(0.05)
        yield server
