"""Heads of Ray clusters, started as a user starts them, on ports and in a folder of their own."""

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
    """A running head.

    Attributes:
        ports: By their names on the command line.
        environment: What a process needs to talk to the cluster, and to be ended with it.
        host: Its address.
    """

    ports: Mapping[str, int]
    environment: Mapping[str, str]
    host: str

    @property
    def folder(self) -> Path:
        """Where it keeps its files."""
        return Path(self.environment[_MARK])

    @property
    def address(self) -> str:
        return f"{self.host}:{self.ports['port']}"

    @property
    def dashboard(self) -> str:
        return f"http://127.0.0.1:{self.ports['dashboard-port']}"

    def submit(self, *command: str, env: Mapping[str, str], **environment: str) -> "subprocess.CompletedProcess[str]":
        """`ray job submit` of this repository, to its end."""
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
        """The command as a driver beside the head."""
        command = [sys.executable, "-m", "osrmac", *arguments]
        with log.open("wb") as printed:
            return subprocess.Popen(
                command,
                env={**self.environment, "RAY_ADDRESS": self.address},
                stdout=printed,
                stderr=printed,
                cwd=REPOSITORY,
            )


@contextmanager
def head(*options: str, **environment: str) -> Iterator[Head]:
    """Start a head with token authentication, and end all of its processes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="osrmac-", dir="/tmp"))  # Ray's sockets have to have short names
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    plain = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    own = {_MARK: str(folder), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    path = f"{_RAY.parent}:{os.environ['PATH']}"  # a job's `python` is what the head finds
    env = {**plain, "PATH": path, "PYTHONPATH": str(REPOSITORY), **own, **environment}
    numbers = [text for name, port in ports.items() for text in (f"--{name}", str(port))]
    fixed = ["--temp-dir", str(folder / "ray"), "--object-store-memory", "100000000", "--disable-usage-stats"]
    command = [str(_RAY), "start", "--head", "--block", *numbers, *fixed, *options]
    log = folder / "log"
    with log.open("wb") as printed:
        process = subprocess.Popen(command, env=env, stdout=printed, stderr=printed, cwd=folder)
    try:
        yield Head(ports, env, _started(process, log))
    finally:
        _end(str(folder))
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _started(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait for a head; its host, as it prints it."""
    until = time.monotonic() + _START_SECONDS
    while "runtime started" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)
    printed = log.read_text()
    return printed[printed.index("--address='") + len("--address='") :].partition(":")[0]


def _free_ports(number: int) -> list[int]:
    """As many ports as nobody listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _end(mark: str) -> None:
    """Kill every process that was started under a head, however it was started, until none is left."""
    while marked := [process for process in psutil.process_iter() if _has(process, mark)]:
        found = {each for process in marked for each in (process, *_below(process))}
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=5)


def _below(process: psutil.Process) -> list[psutil.Process]:
    """Its descendants: some overwrite their environment with a title."""
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _has(process: psutil.Process, mark: str) -> bool:
    try:
        alive: bool = process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == mark
        return alive
    except psutil.Error:
        return False


@contextmanager
def growing(workers: int, **environment: str) -> Iterator[Head]:
    """A head without CPUs whose autoscaler adds up to so many nodes, each of two CPUs and a GPU that it only claims.

    They are real nodes of Ray, on this machine. They go when they have been idle for some seconds.
    """
    (port,) = _free_ports(1)
    provider = {
        "type": "external",  # for the type that is built in, the wheel lacks a file
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
    """The address at which Ray reaches this machine."""
    from ray.util import get_node_ip_address

    found: str = get_node_ip_address()  # type: ignore[no-untyped-call]
    return found
