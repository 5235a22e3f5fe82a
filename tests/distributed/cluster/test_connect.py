import signal
import sys
import threading
from pathlib import Path

import pytest
import ray

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster.connect import connect
from osrmac.errors import ClusterError, ConfigError


@pytest.fixture
def disconnected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that Ray is initialized with, in a process that seems not to be connected yet."""
    addresses: list[str] = []
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", lambda address, **_: addresses.append(address))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return addresses


@pytest.fixture
def cluster() -> str:
    """Address of the session's Ray."""
    address: str = ray.get_runtime_context().gcs_address
    return address


def test_ray_starts_on_this_machine_unless_an_address_is_given(
    cluster: str, disconnected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(ComputeConfig())
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    connect(ComputeConfig())
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lambda: {cluster})
    connect(ComputeConfig(address="auto"))
    assert disconnected == ["local", cluster, "auto"]


MODULE = "slow_module"
starting = threading.Event()


@pytest.fixture
def slow_module(disconnected: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Name of a module whose import ends only once Ray is starting."""
    (tmp_path / f"{MODULE}.py").write_text("import sys\nparallel = sys.modules['tests.starting'].starting.wait(20)\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "tests.starting", sys.modules[__name__])
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    starting.clear()
    return MODULE


def test_a_module_is_imported_while_ray_starts(slow_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: object) -> None:
        assert threading.current_thread() is threading.main_thread()
        starting.set()

    monkeypatch.setattr(ray, "init", init)
    connect(ComputeConfig(), meanwhile=slow_module)
    assert sys.modules[slow_module].parallel


def test_a_failed_start_is_raised_after_the_import_has_ended(slow_module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        starting.set()
        raise RuntimeError("no raylet")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(ClusterError, match="no raylet"):
        connect(ComputeConfig(), meanwhile=slow_module)
    assert not [thread for thread in threading.enumerate() if slow_module in thread.name]


def test_a_dead_address_is_reported_before_anything_is_imported(slow_module: str) -> None:
    with pytest.raises(ConfigError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 "):
        connect(ComputeConfig(address="127.0.0.1:1"), meanwhile=slow_module)
    assert slow_module not in sys.modules


def test_ray_is_not_initialized_where_no_cluster_answers(disconnected: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 "):
        connect(ComputeConfig(address="127.0.0.1:1"))
    assert disconnected == []


def test_an_address_needs_grpc_and_a_ray_on_this_machine_does_not(
    disconnected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "osrmac.distributed.cluster.address", raising=False)
    monkeypatch.setitem(sys.modules, "grpc", None)
    connect(ComputeConfig())
    with pytest.raises(ConfigError, match=r"needs gRPC: pip install 'osrmac\[cluster\]'$"):
        connect(ComputeConfig(address="127.0.0.1:1"))
    assert disconnected == ["local"]


@pytest.mark.parametrize("error", [RuntimeError("no raylet\nat all"), SystemExit(1), TimeoutError()])
def test_what_ray_raises_becomes_one_line(
    error: BaseException, disconnected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(
        ClusterError, match=f"cannot start Ray on this machine .{type(error).__name__}.*: --log-ray"
    ) as e:
        connect(ComputeConfig())
    assert "\n" not in str(e.value)


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
