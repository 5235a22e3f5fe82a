import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.config import SearchConfig
from osrmac.errors import PruningError, StorageError
from osrmac.runs.open_run import OpenRun
from osrmac.server import current_run
from osrmac.server.columns import Columns
from osrmac.server.current_run import CurrentRun
from osrmac.storage.pruning.journal import Facts, Journal
from osrmac.storage.run import Run
from tests.own_columns import give_columns
from tests.server.conftest import PLAIN


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_run_is_opened_again_once_it_has_changed(own: Run) -> None:
    clock = Clock()
    current = CurrentRun(own, SearchConfig(), clock=clock)
    first = current.get()
    clock.now += 5
    assert current.get() is first
    own.finish_stage("extract", 1.0, images=31)
    assert current.get() is first  # looked at less than a second ago
    clock.now += 1
    second = current.get()
    assert second is not first
    assert second.version != first.version
    clock.now += 1
    assert current.get() is second


def test_a_run_that_is_being_pruned_is_refused_until_that_ends(own: Run) -> None:
    clock = Clock()
    current = CurrentRun(own, SearchConfig(), clock=clock)
    journal = Journal(own.location)
    journal.write([], Facts(1, 1))
    clock.now += 1
    for _ in range(2):
        with pytest.raises(PruningError):
            current.get()
    journal.remove()
    assert current.get().described == 30


def test_a_run_that_is_gone_is_refused(own: Run, tmp_path: Path) -> None:
    clock = Clock()
    current = CurrentRun(own, SearchConfig(), clock=clock)
    (tmp_path / "run").rename(tmp_path / "moved")
    clock.now += 1
    with pytest.raises(StorageError, match="no run at"):
        current.get()


def test_several_threads_open_it_once(own: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, opened = Clock(), []
    current = CurrentRun(own, SearchConfig(), clock=clock)

    def slow(run: Run, options: SearchConfig) -> OpenRun:
        opened.append(run)
        time.sleep(0.1)
        return OpenRun(run, options)

    monkeypatch.setattr(current_run, "OpenRun", slow)
    own.finish_stage("extract", 1.0, images=31)
    clock.now += 1
    found: list[OpenRun] = []
    threads = [threading.Thread(target=lambda: found.append(current.get())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(found), len({id(run) for run in found})) == (1, 4, 1)


def test_a_change_of_the_users_own_columns_is_seen(own: Run) -> None:
    clock = Clock()
    current = CurrentRun(own, SearchConfig(), Columns(pa.table({"id": PLAIN[:1], "kind": ["print"]})), clock)
    assert current.columns.of(PLAIN[0]) == {"kind": "print"}
    changes = give_columns(own, {"title": {PLAIN[0]: "The harbour"}})
    assert changes.relabelled == 1
    own.finish_stage("columns", 0.1, images=1)
    clock.now += 1
    current.get()
    assert current.columns.of(PLAIN[0]) == {"title": "The harbour", "kind": "print"}
