from collections.abc import Callable

import pytest

from osrmac.config import SearchConfig
from osrmac.errors import StorageError
from osrmac.runs.open_run import OpenRun
from osrmac.server import scene
from osrmac.server.scene import SceneCut
from osrmac.storage.run import Run


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """The work that waits to be done in the background."""
    works: list[Callable[[], None]] = []
    monkeypatch.setattr(scene, "run_in_background", works.append)
    return works


def test_the_distance_is_sought_once_for_each_state_of_the_run(
    written: Run, waiting: list[Callable[[], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene, "scene_cut", lambda *_arguments: 2.5)
    images, cut = OpenRun(written), SceneCut()
    assert [cut.of(images), cut.of(images)] == [None, None]
    (work,) = waiting
    work()
    assert cut.of(images) == 2.5
    images.version = "later"
    assert cut.of(images) is None
    waiting[1]()
    assert (cut.of(images), len(waiting)) == (2.5, 2)


def test_refined_rankings_have_none(written: Run, waiting: list[Callable[[], None]]) -> None:
    assert SceneCut().of(OpenRun(written, SearchConfig(rerank="superglobal"))) is None
    assert not waiting


def test_a_run_that_tells_none_is_noted(
    written: Run,
    waiting: list[Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_arguments: object) -> float:
        raise StorageError("the disk is gone")

    monkeypatch.setattr(scene, "scene_cut", fail)
    images, cut = OpenRun(written), SceneCut()
    cut.of(images)
    waiting[0]()
    assert cut.of(images) is None
    assert "not divided into likely and similar ones: the disk is gone" in capsys.readouterr().err
