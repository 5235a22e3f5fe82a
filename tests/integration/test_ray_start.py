"""Every known reason why Ray cannot start or be reached is caused, and reported in one line."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from osrmac.storage.run import Run
from tests.marked_processes import left_over, new_mark

pytestmark = pytest.mark.integration

OPTIONS = "--backbone resnet18 --weights random:0 --recipes single --image-sizes 64 --workers 1"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 60), "teal").save(tmp_path / "photos" / "a.png")
    return tmp_path


def extract(folder: Path, variables: dict[str, str], seconds: float, shell: str = "") -> tuple[int, list[str]]:
    """Describe the collection, and return the exit status and the lines on standard error."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TMPDIR"))}
    command = [sys.executable, "-m", "osrmac", "extract", str(folder / "photos"), str(folder / "run"), *OPTIONS.split()]
    if shell:
        command = ["bash", "-c", f'{shell}; exec "$@"', "bash", *command]
    done = subprocess.run(
        command, env=environment | variables, capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.returncode, done.stderr.splitlines()


@pytest.fixture(params=["nothing", "silent", "unreachable", "malformed"])
def dead(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """An address without a cluster, and what is said about it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"127.0.0.1:{server.getsockname()[1]}"
        addresses = {
            "nothing": ("127.0.0.1:1", "no Ray cluster answers at"),
            "silent": (silent, "something answers at"),
            "unreachable": ("192.0.2.1:6379", "no Ray cluster answers at"),
            "malformed": ("nonsense", "nonsense is no address of a Ray cluster"),
        }
        yield addresses[request.param]


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_dead_address_is_reported(dead: tuple[str, str], scheme: str, collection: Path) -> None:
    address, message = dead
    status, lines = extract(collection, {"RAY_ADDRESS": scheme + address}, seconds=60)
    assert (status, len(lines)) == (2, 1), lines
    assert message in lines[0]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TMPDIR": "/tmp/" + "x" * 90}, "bytes too long for Ray's sockets: set RAY_TMPDIR"),
        ({"RAY_TMPDIR": "/proc"}, "cannot write 4 MB to /proc/ray"),
        ({"RAY_TMPDIR": "/dev/null"}, "cannot write 4 MB to /dev/null/ray"),
    ],
)
def test_an_unsuitable_temporary_folder_is_reported(variables: dict[str, str], message: str, collection: Path) -> None:
    status, lines = extract(collection, variables, seconds=60)
    assert (status, len(lines)) == (2, 1), lines
    assert message in lines[0]


def test_a_full_temporary_folder_is_reported(collection: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(f"mounting a small file system needs more privileges: {mounted.stderr.strip()}")
        try:
            status, lines = extract(collection, {"RAY_TMPDIR": folder}, seconds=60)
        finally:
            subprocess.run(["umount", folder], check=True)
    assert (status, len(lines)) == (2, 1), lines
    assert "(No space left on device): make room" in lines[0]


@pytest.mark.parametrize("limit", [64, 128])
def test_too_few_open_files_are_reported(limit: int, collection: Path) -> None:
    status, lines = extract(collection, {}, seconds=60, shell=f"ulimit -n {limit}")
    assert (status, len(lines)) == (2, 1), lines
    assert f"this process may open {limit} files at once" in lines[0]


def test_a_low_soft_limit_of_open_files_is_raised(collection: Path) -> None:
    status, lines = extract(collection, {}, seconds=280, shell="ulimit -Sn 64")
    assert status == 0, lines


def test_a_start_that_times_out_is_reported(collection: Path) -> None:
    slow = collection / "bin" / "valgrind"  # Ray starts its server with this program, which never gets that far
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 300\n")
    slow.chmod(0o755)
    path = {"PATH": f"{slow.parent}:{os.environ['PATH']}", "RAY_GCS_SERVER_VALGRIND": "1"}
    mark = new_mark()
    status, lines = extract(collection, mark | path | {"RAY_gcs_server_port_wait_time_s": "1"}, seconds=120)
    assert (status, len(lines)) == (1, 1), lines
    assert lines[0].startswith("osrmac: cannot start Ray on this machine (")
    assert "if the machine is busy, try again" in lines[0]
    assert left_over(mark) == []


def test_ray_runs_without_a_home_directory_that_can_be_written(collection: Path) -> None:
    status, lines = extract(collection, {"HOME": "/dev/null"}, seconds=280)
    assert status == 0, lines
    assert Run(str(collection / "run")).record()["counts"] == {"planned": 1, "ok": 1, "failed": 0}
