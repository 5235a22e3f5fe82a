import os
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from osrmac.distributed.cluster import local_start
from osrmac.distributed.cluster.local_start import prepare_start
from osrmac.errors import ConfigError


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_long_path_of_sockets_is_refused(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_TMPDIR")
    folder = tmp_path / ("x" * 80)
    monkeypatch.setenv(variable, str(folder))
    with pytest.raises(ConfigError, match=rf"{folder}/ray is \d+ bytes too long for Ray's sockets: set RAY_TMPDIR"):
        prepare_start()
    assert not folder.exists()


def test_the_longest_path_is_accepted(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 107 - len(f"{short}//ray/session_2026-11-26_19-17-00_695849_{os.getpid()}/sockets/plasma_store")
    monkeypatch.setenv("RAY_TMPDIR", str(short / ("x" * free)))
    prepare_start()
    monkeypatch.setenv("RAY_TMPDIR", str(short / ("x" * (free + 1))))
    with pytest.raises(ConfigError, match="is 1 bytes too long"):
        prepare_start()


def test_a_folder_that_cannot_be_written_is_refused(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (short / "file").touch()
    monkeypatch.setenv("RAY_TMPDIR", str(short / "file"))
    with pytest.raises(ConfigError, match=r"cannot write 4 MB to .*/file/ray, .*\(Not a directory\)"):
        prepare_start()


def test_a_full_disk_is_refused() -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (local_start._ROOM - 1, limits[1]))  # stands for the end of the disk
    try:
        with pytest.raises(ConfigError, match="make room or grant write permission, or set RAY_TMPDIR"):
            prepare_start()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("limit", "refused"), [(64, True), (255, True), (1024, False), (resource.RLIM_INFINITY, False)]
)
def test_too_few_open_files_are_refused(limit: int, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, limit))
    if not refused:
        prepare_start()
        return
    with pytest.raises(ConfigError, match=rf"may open {limit} files at once, .* with ulimit -Hn 8192"):
        prepare_start()


def test_a_token_is_provided_if_the_home_directory_cannot_hold_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    prepare_start()
    assert os.environ["RAY_AUTH_TOKEN"] == ""
    monkeypatch.setenv("HOME", "/dev/null")
    prepare_start()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
