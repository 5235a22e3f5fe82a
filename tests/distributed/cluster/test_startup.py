import sys
import threading
from pathlib import Path

import pytest

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster import startup
from osrmac.distributed.cluster.startup import connect_while_importing
from osrmac.errors import ConfigError
from osrmac.storage.run import Run

MODULE = "slow_module"
connecting = threading.Event()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[ComputeConfig]:
    """The configurations connected with; also provides a module whose import ends only once that has started."""
    (tmp_path / f"{MODULE}.py").write_text(
        "import sys\nparallel = sys.modules['tests.distributed.test_startup'].connecting.wait(20)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setitem(sys.modules, "tests.distributed.test_startup", sys.modules[__name__])
    configurations: list[ComputeConfig] = []

    def connect(compute: ComputeConfig) -> None:
        assert threading.current_thread() is threading.main_thread()
        connecting.set()
        configurations.append(compute)

    connecting.clear()
    monkeypatch.setattr(startup, "connect", connect)
    return configurations


def test_for_a_new_run_the_module_is_imported_while_ray_starts(
    connections: list[ComputeConfig], photos: Path, tmp_path: Path
) -> None:
    connect_while_importing(str(photos), str(tmp_path / "run"), ComputeConfig(threads=3), MODULE)
    assert connections == [ComputeConfig(threads=3)]
    assert sys.modules[MODULE].parallel


def test_an_existing_run_and_missing_images_start_nothing(
    connections: list[ComputeConfig], finished: Run, photos: Path, tmp_path: Path
) -> None:
    connect_while_importing(str(photos), finished.url, ComputeConfig(), MODULE)
    connect_while_importing(str(tmp_path / "missing"), str(tmp_path / "run"), ComputeConfig(), MODULE)
    assert connections == []
    assert MODULE not in sys.modules


def test_a_failed_connection_is_raised_after_the_import_has_ended(
    connections: list[ComputeConfig], photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_compute: ComputeConfig) -> None:
        connecting.set()
        raise ConfigError("no cluster")

    monkeypatch.setattr(startup, "connect", refuse)
    with pytest.raises(ConfigError, match="no cluster"):
        connect_while_importing(str(photos), str(tmp_path / "run"), ComputeConfig(), MODULE)
    assert not [thread for thread in threading.enumerate() if MODULE in thread.name]
