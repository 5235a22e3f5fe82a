import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray._private import services

from osrmac.distributed.cluster import address
from osrmac.distributed.cluster.address import check_address
from osrmac.errors import ConfigError


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "_ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(address, "_CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(address, "_NODE_SECONDS", 1)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def web() -> Iterator[str]:
    """Address of a web server."""

    class Silent(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lonely(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file in which Ray looks for the cluster of this machine, on a machine without Ray processes."""
    monkeypatch.setattr(services, "find_gcs_addresses", set)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    return tmp_path / "ray" / "ray_current_cluster"


@pytest.fixture
def cluster() -> str:
    address: str = ray.get_runtime_context().gcs_address
    return address


def test_a_running_cluster_answers(cluster: str) -> None:
    check_address(cluster)


def test_a_cluster_without_a_node_on_this_machine_is_refused(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "find_node_ids", set)
    with pytest.raises(ConfigError, match=f"^the Ray cluster at {cluster} has no node on this machine: run the "):
        check_address(cluster)


def test_auto_is_the_cluster_of_this_machine(lonely: Path, cluster: str) -> None:
    with pytest.raises(ConfigError, match="no Ray cluster runs on this machine"):
        check_address("auto")
    lonely.write_text(cluster)
    check_address("auto")
    lonely.write_text("127.0.0.1:1")  # left by a cluster that was killed
    with pytest.raises(ConfigError, match=r"no Ray cluster answers at .*:1 "):
        check_address("auto")


@pytest.mark.parametrize(
    "malformed",
    [
        *("nonsense", ":6379", "head:", "head:port", "head:99999", "head:0", "http://127.0.0.1:8265", "ray://head"),
        *("127.0.0.1:6379/path", "ray://", "anyscale://cluster"),
    ],
)
def test_a_malformed_address_is_refused(malformed: str) -> None:
    with pytest.raises(ConfigError, match=f"^{malformed} is no address of a Ray cluster: give HOST:PORT"):
        check_address(malformed)


@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize("endpoint", ["127.0.0.1:1", "[::1]:1", "no-such-host.invalid:6379", "192.0.2.1:6379"])
def test_an_address_where_nothing_listens_is_refused(endpoint: str, scheme: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_address(scheme + endpoint)
    assert str(caught.value).startswith(f"no Ray cluster answers at {scheme}{endpoint} (")
    assert "correct --address or $RAY_ADDRESS, or start the cluster" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize("kind", ["silent", "web"])
def test_a_server_that_is_not_ray_is_refused(kind: str, scheme: str, request: pytest.FixtureRequest) -> None:
    endpoint = request.getfixturevalue(kind)
    with pytest.raises(ConfigError, match=f"something answers at {scheme}{endpoint}, but no Ray cluster: correct"):
        check_address(scheme + endpoint)
