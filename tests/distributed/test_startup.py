import sys
import threading
from pathlib import Path

import pytest

from osrmac.config import ComputeConfig
from osrmac.distributed import startup as beginning
from osrmac.distributed.startup import begin
from osrmac.errors import ConfigError
from osrmac.storage.run import Run

STEP = "slow_step"
started = threading.Event()


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ComputeConfig]:
    """What was connected with; there is also a module that loads only once that has begun."""
    (tmp_path / f"{STEP}.py").write_text(
        "import sys\nloaded = sys.modules['tests.distributed.test_startup'].started.wait(20)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, STEP, raising=False)
    monkeypatch.setitem(sys.modules, "tests.distributed.test_startup", sys.modules[__name__])
    found: list[ComputeConfig] = []

    def connect(compute: ComputeConfig) -> None:
        assert threading.current_thread() is threading.main_thread()
        started.set()
        found.append(compute)

    started.clear()
    monkeypatch.setattr(beginning, "connect", connect)
    return found


def test_a_new_run_has_its_step_loaded_while_ray_starts(
    connected: list[ComputeConfig], photos: Path, tmp_path: Path
) -> None:
    begin(str(photos), str(tmp_path / "run"), ComputeConfig(threads=3), STEP)
    assert connected == [ComputeConfig(threads=3)]
    assert sys.modules[STEP].loaded


def test_a_run_that_is_there_and_photos_that_are_not_start_nothing(
    connected: list[ComputeConfig], finished: Run, photos: Path, tmp_path: Path
) -> None:
    begin(str(photos), finished.url, ComputeConfig(), STEP)
    begin(str(tmp_path / "nowhere"), str(tmp_path / "run"), ComputeConfig(), STEP)
    assert connected == []
    assert STEP not in sys.modules


def test_a_cluster_that_cannot_be_joined_is_told_when_the_step_is_loaded(
    connected: list[ComputeConfig], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_compute: ComputeConfig) -> None:
        started.set()
        raise ConfigError("no cluster")

    monkeypatch.setattr(beginning, "connect", refuse)
    with pytest.raises(ConfigError, match="no cluster"):
        begin(str(photos), str(tmp_path / "run"), ComputeConfig(), STEP)
    assert not [thread for thread in threading.enumerate() if thread.name == "loading"]
