"""Head nodes of Ray clusters, started with `ray start` on free ports and in a temporary folder."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

REPOSITORY = Path(__file__).parents[2]
STANDIN = REPOSITORY / "benchmarks" / "standin"
_RAY = Path(sys.executable).with_name("ray")
_MARK = "OSRMAC_TEST_CLUSTER"
_PORTS = ("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port", "metrics-export-port")
_PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Head:
    """A running head node.

    Attributes:
        ports: Port numbers by their options of `ray start`.
        environment: Environment of the processes that talk to the cluster; it also marks them as part of it.
        host: IP address.
    """

    ports: Mapping[str, int]
    environment: Mapping[str, str]
    host: str

    @property
    def folder(self) -> Path:
        """Temporary folder of the head."""
        return Path(self.environment[_MARK])

    @property
    def address(self) -> str:
        return f"{self.host}:{self.ports['port']}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.ports['dashboard-port']}"

    def submit(self, *command: str, env: Mapping[str, str], **environment: str) -> "subprocess.CompletedProcess[str]":
        """Submit a command as a Ray job with this repository as its working directory, and wait for its end."""
        runtime = json.dumps({"env_vars": dict(env)})
        submit = [str(_RAY), "job", "submit", "--address", self.dashboard, "--working-dir", "."]
        return subprocess.run(
            [*submit, "--runtime-env-json", runtime, "--", *command],
            cwd=REPOSITORY,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def osrmac(self, *arguments: str, log: Path) -> "subprocess.Popen[bytes]":
        """Start an `osrmac` command as a driver on the node of the head."""
        command = [sys.executable, "-m", "osrmac", *arguments]
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                env={**self.environment, "RAY_ADDRESS": self.address},
                stdout=output,
                stderr=output,
                cwd=REPOSITORY,
            )


@contextmanager
def head(*options: str, **environment: str) -> Iterator[Head]:
    """Start a head with token authentication; kill all processes of its cluster afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="osrmac-", dir="/tmp"))  # the paths of Ray's sockets must be short
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    own = {_MARK: str(folder), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    path = f"{_RAY.parent}:{os.environ['PATH']}"  # a job runs the first `python` on the path of the head
    env = {**inherited, "PATH": path, "PYTHONPATH": str(REPOSITORY), **own, **environment}
    port_options = [text for name, port in ports.items() for text in (f"--{name}", str(port))]
    fixed = ["--temp-dir", str(folder / "ray"), "--object-store-memory", "100000000", "--disable-usage-stats"]
    command = [str(_RAY), "start", "--head", "--block", *port_options, *fixed, *options]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output, cwd=folder)
    try:
        yield Head(ports, env, _wait_for_host(process, log))
    finally:
        _kill_cluster(str(folder))
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_host(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until a head runs, and return the IP address that it prints."""
    deadline = time.monotonic() + _START_SECONDS
    while "runtime started" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    return log.read_text().partition("--address='")[2].partition(":")[0]


def _free_ports(number: int) -> list[int]:
    """Return distinct ports on which nothing listens now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _kill_cluster(mark: str) -> None:
    """Kill every process with this mark in its environment, and their descendants, until none is left."""
    while marked := [process for process in psutil.process_iter() if _is_marked(process, mark)]:
        targets = {target for process in marked for target in (process, *_descendants(process))}
        for target in targets:
            with suppress(psutil.NoSuchProcess):
                target.kill()
        psutil.wait_procs(targets, timeout=5)


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """Return all descendants; Ray's workers overwrite their environment with a process title, and so have no mark."""
    try:
        children: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return children


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        alive: bool = process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == mark
        return alive
    except psutil.Error:
        return False


@contextmanager
def growing(workers: int, **environment: str) -> Iterator[Head]:
    """Start a head without CPUs whose autoscaler adds nodes with two CPUs and one GPU each.

    The nodes are real Ray nodes on this machine; their GPU is a claim without a device. Idle nodes are removed after
    some seconds.

    Args:
        workers: Maximal number of nodes beside the head.
        environment: Additional environment variables of all nodes.
    """
    (port,) = _free_ports(1)
    provider = {
        "type": "external",  # the built-in type needs a file that the wheel does not contain
        "module": _PROVIDER,
        "gcs_address": f"{_own_address()}:{port}",
        "head_node_id": FAKE_HEAD_NODE_ID,
        "launch_multiple": True,
        "disable_node_updaters": True,
    }
    worker = {"resources": {"CPU": 2, "GPU": 1, "object_store_memory": 100_000_000}, "node_config": {}}
    config: dict[str, Any] = {
        "cluster_name": "fake",
        "max_workers": workers,
        "idle_timeout_minutes": 0.15,
        "upscaling_speed": 100,
        "provider": provider,
        "auth": {"ssh_user": "nobody"},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "gpu": {**worker, "min_workers": 0, "max_workers": workers},
        },
        **{f"{kind}{step}_commands": [] for kind in ("head_", "worker_") for step in ("setup", "start_ray")},
        **{key: [] for key in ("initialization_commands", "setup_commands", "cluster_synced_files")},
        "file_mounts": {},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        options = ["--num-cpus", "0", "--autoscaling-config", file.name, "--port", str(port)]
        with head(
            *options,
            AUTOSCALER_UPDATE_INTERVAL_S="1",
            RAY_FAKE_CLUSTER="1",
            RAY_enable_autoscaler_v2="1",
            RAY_CLOUD_INSTANCE_ID=FAKE_HEAD_NODE_ID,
            RAY_OVERRIDE_NODE_ID_FOR_TESTING=FAKE_HEAD_NODE_ID,
            **environment,
        ) as started:
            ports = {**started.ports, "port": port}
            yield Head(ports, started.environment, started.host)


def _own_address() -> str:
    """Return the IP address that Ray uses for this machine."""
    from ray.util import get_node_ip_address

    address: str = get_node_ip_address()  # type: ignore[no-untyped-call]
    return address
