import json
import sys
import time

import pytest
import ray

from osrmac.distributed.monitoring import progress
from osrmac.distributed.monitoring.progress import show_progress
from osrmac.distributed.work_tracker import WorkTrackerHandle, start_work_tracker
from osrmac.log import json_log


@pytest.fixture
def tracker() -> WorkTrackerHandle:
    tracker = start_work_tracker()
    ray.get(tracker.finish.remote("shard", 6, 2))
    return tracker


def test_a_log_has_a_line_for_every_change(
    tracker: WorkTrackerHandle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.05)
    with show_progress(tracker, 10):
        time.sleep(0.4)
        ray.get(tracker.finish.remote("other", 2, 0))
    captured = capsys.readouterr()
    first, last = captured.err.splitlines()
    assert first.startswith("8 of 10 images, ")
    assert first.endswith("s left")
    assert last.startswith("10 of 10 images, ")
    assert last.endswith(", 2 failed")
    assert captured.out == ""


def test_a_json_log_has_the_numbers_of_a_line(
    tracker: WorkTrackerHandle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with json_log(command="extract"), show_progress(tracker, 10):
        pass
    line = json.loads(capsys.readouterr().err)
    assert line["message"].startswith("8 of 10 images, ")
    numbers = {"level": "info", "command": "extract", "described": 6, "failed": 2, "images": 10}
    assert numbers.items() <= line.items()
    assert line["rate"] > 0
    assert line["seconds_left"] >= 0


def test_a_terminal_has_a_bar(
    tracker: WorkTrackerHandle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with show_progress(tracker, 10):
        pass
    shown = capsys.readouterr().err
    assert "describing" in shown
    assert "8/10" in shown
    assert "2 failed" in shown


def test_with_quiet_nothing_is_shown(
    tracker: WorkTrackerHandle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "is_quiet", lambda: True)
    with show_progress(tracker, 10):
        pass
    assert capsys.readouterr().err == ""


def test_the_display_ends_when_the_block_raises(tracker: WorkTrackerHandle) -> None:
    with pytest.raises(KeyboardInterrupt), show_progress(tracker, 10):
        raise KeyboardInterrupt
