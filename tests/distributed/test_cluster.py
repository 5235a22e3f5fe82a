import signal
import socket
import time

import pytest
import ray

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster import connect
from osrmac.errors import ConfigError


@pytest.fixture
def disconnected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that Ray is initialized with, in a process that seems not to be connected yet."""
    addresses: list[str] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda address, **_: addresses.append(address))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return addresses


def test_ray_starts_on_this_machine_unless_an_address_is_given(
    disconnected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(ComputeConfig())
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        connect(ComputeConfig())
        connect(ComputeConfig(address="auto"))
    assert disconnected == ["local", address, "auto"]


def test_an_address_where_nothing_listens_is_refused_at_once(disconnected: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    started = time.monotonic()
    with pytest.raises(ConfigError, match=rf"no Ray cluster answers at {address} .*--address"):
        connect(ComputeConfig(address=address))
    assert time.monotonic() - started < 5
    assert disconnected == []


def test_a_process_that_is_connected_stays_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise AssertionError("Ray was initialized twice")

    monkeypatch.setattr(ray, "init", refuse)
    connect(ComputeConfig(address="192.0.2.1:6379"))


def test_the_handler_of_sigterm_is_kept(disconnected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(*_: object) -> None: ...

    previous = signal.signal(signal.SIGTERM, handle)
    try:
        monkeypatch.setattr(ray, "init", lambda **_: signal.signal(signal.SIGTERM, lambda *_: None))
        connect(ComputeConfig())
        assert signal.getsignal(signal.SIGTERM) is handle
    finally:
        signal.signal(signal.SIGTERM, previous)
