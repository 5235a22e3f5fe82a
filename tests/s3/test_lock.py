"""Locks in a bucket: takeover by several processes, and servers without conditional writes."""

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import s3fs
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from osrmac.errors import StorageError
from osrmac.storage import conditional, lock
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from tests.lock_race import race

from .proxy import TRANSIENT, Proxy, Rule


class _Atomic:
    """moto, one request at a time: it checks the conditions of a write well before it carries it out.

    Attributes:
        ignored: Headers that are ignored, as by servers that do not know them.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self.ignored: tuple[str, ...] = ()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        for header in self.ignored:
            environ.pop(header, None)
        with self._lock:
            return list(self._moto(environ, start_response))


class _Silent(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        pass


@pytest.fixture
def atomic(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Atomic]:
    """A server that carries out conditional writes atomically; this process and its children use it."""
    app = _Atomic()
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setattr(conditional, "_unconditional", set())
    monkeypatch.setattr(conditional, "_tested", set())
    s3fs.S3FileSystem.clear_instance_cache()
    yield app
    s3fs.S3FileSystem.clear_instance_cache()
    server.shutdown()
    thread.join()


@pytest.fixture
def own_bucket(atomic: _Atomic) -> str:
    """URL of a new bucket on that server."""
    name = f"osrmac-{uuid.uuid4().hex[:12]}"
    s3fs.S3FileSystem().mkdir(name)
    return f"s3://{name}"


def test_one_of_several_processes_takes_over_a_stale_lock(own_bucket: str) -> None:
    assert race(f"{own_bucket}/run", processes=5, rounds=25) == {1: 25}


def test_a_server_that_ignores_conditions_is_noticed(
    own_bucket: str, atomic: _Atomic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lock, "_SETTLE_SECONDS", 0.1)
    atomic.ignored = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
    run = Location.of(f"{own_bucket}/run")
    with locked(run, Part.DESCRIPTORS):
        assert not (run / "lock.json").is_conditional()
    assert not run.files()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"the store of {own_bucket}/run/lock.json has no conditional writes")


def test_a_lock_is_held_and_released_whatever_requests_fail(bucket: str, proxy: Proxy) -> None:
    run = Location.of(f"s3://{bucket}/run")
    proxy.rules = [Rule(TRANSIENT, rate=0.2)]
    for seed in range(10):
        proxy.seed = seed
        with locked(run, Part.DESCRIPTORS) as held:
            held._renew()
            held.confirm()
            with pytest.raises(StorageError, match=f"process {os.getpid()} "):
                lock.Lock(run, Part.DESCRIPTORS).acquire()
    assert proxy.faults()
    assert not run.files()
