"""Commands on a machine where a Ray cluster runs, or somewhere else."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from .heads import Head, head

OPTIONS = "--backbone resnet18 --weights random:0 --recipes single --image-sizes 64 --workers 1"
TOKEN = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with head("--num-cpus", "2", "--include-dashboard", "false") as started:
        yield started


def extract(
    cluster: Head, folder: Path, address: str, *prefix: str, token: bool = True, **variables: str
) -> tuple[int, list[str]]:
    """Describe one image, with the token of the cluster or without; return status and lines on standard error."""
    (folder / "photos").mkdir()
    Image.new("RGB", (80, 60), "teal").save(folder / "photos" / "a.png")
    environment = {key: value for key, value in cluster.environment.items() if token or key not in TOKEN}
    command = [sys.executable, "-m", "osrmac", "extract", str(folder / "photos"), str(folder / "run"), *OPTIONS.split()]
    done = subprocess.run(
        [*prefix, *command, "--address", address],
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.splitlines()


def test_auto_finds_the_cluster_and_its_token(cluster: Head, tmp_path: Path) -> None:
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text(cluster.environment["RAY_AUTH_TOKEN"])
    here = {"HOME": str(tmp_path), "RAY_TMPDIR": str(cluster.folder)}  # where it has stored its address
    status, lines = extract(cluster, tmp_path, "auto", token=False, **here)
    assert status == 0, lines


def test_a_missing_token_is_reported(cluster: Head, tmp_path: Path) -> None:
    status, lines = extract(cluster, tmp_path, cluster.address, token=False, HOME=str(tmp_path))
    assert (status, len(lines)) == (2, 1), lines
    assert f"the Ray cluster at {cluster.address} demands another token: set RAY_AUTH_MODE=token" in lines[0]


@pytest.mark.parametrize("missing", ["processes", "sockets"])
def test_a_machine_that_is_no_node_is_reported(missing: str, cluster: Head, tmp_path: Path) -> None:
    elsewhere = {
        "processes": ["unshare", "--fork", "--pid", "--mount-proc"],
        "sockets": ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {cluster.folder} && "$@"', "sh"],
    }[missing]
    if subprocess.run([*elsewhere, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a namespace of its own needs more privileges")
    status, lines = extract(cluster, tmp_path, cluster.address, *elsewhere)
    assert (status, len(lines)) == (2, 1), lines
    assert f"the Ray cluster at {cluster.address} has no node on this machine: run the command on one" in lines[0]
