from pathlib import Path

import pytest

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster import startup
from osrmac.distributed.cluster.startup import connect_while_importing
from osrmac.storage.run import Run


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ComputeConfig, str]]:
    """The configurations connected with, and the modules imported meanwhile."""
    made: list[tuple[ComputeConfig, str]] = []
    monkeypatch.setattr(startup, "connect", lambda compute, meanwhile: made.append((compute, meanwhile)))
    return made


def test_for_a_new_run_the_module_is_imported_while_ray_starts(
    connections: list[tuple[ComputeConfig, str]], photos: Path, tmp_path: Path
) -> None:
    connect_while_importing(str(photos), str(tmp_path / "run"), ComputeConfig(threads=3), "slow")
    assert connections == [(ComputeConfig(threads=3), "slow")]


def test_an_existing_run_and_missing_images_start_nothing(
    connections: list[tuple[ComputeConfig, str]], finished: Run, photos: Path, tmp_path: Path
) -> None:
    connect_while_importing(str(photos), finished.url, ComputeConfig(), "slow")
    connect_while_importing(str(tmp_path / "missing"), str(tmp_path / "run"), ComputeConfig(), "slow")
    assert connections == []
