import sys
import time
from collections.abc import Iterator

import pyarrow as pa
import pytest

from osrmac import progress
from osrmac.progress import Stage, note, set_quiet, stage


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show stages after milliseconds."""
    monkeypatch.setattr(progress, "_LIVE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.01)
    yield
    set_quiet(False)


def test_a_long_stage_is_logged_with_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    with stage("reducing") as current:
        current.update(1200, 3000)
        time.sleep(0.1)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1] == "reducing 1,200 of 3,000, 0 s"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_stage_name_cannot_control_the_terminal(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with stage("reducing to \x1b[2J\x9b\n"):
        time.sleep(0.1)
    shown = capsys.readouterr().err
    assert "reducing to \\x1b[2J\\x9b\\n, 0 s" in shown
    assert "\x1b[2J" not in shown


def test_a_stage_in_a_terminal_is_a_live_line_that_disappears(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with stage("fitting"):
        time.sleep(0.1)
    shown = capsys.readouterr().err
    assert "\rfitting, 0 s\x1b[K" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown


def test_a_short_stage_shows_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 60.0)
    with stage("counting"):
        pass
    assert capsys.readouterr().err == ""


def test_quiet_shows_neither_stages_nor_notes(capsys: pytest.CaptureFixture[str]) -> None:
    note("kept")
    set_quiet(True)
    note("dropped")
    with stage("fitting"):
        time.sleep(0.05)
    assert capsys.readouterr().err == "kept\n"


def test_an_unknown_total_is_left_out() -> None:
    current = Stage("listing")
    current.update(1234567)
    assert str(current) == "listing 1,234,567, 0 s"


def test_rows_of_tables_are_counted_as_they_pass() -> None:
    current = Stage("listing")
    tables = [pa.table({"id": ["a", "b"]}), pa.table({"id": ["c"]})]
    passed = current.counting(iter(tables))
    assert next(passed) is tables[0]
    assert current.fields["done"] == 2
    assert list(passed) == tables[1:]
    assert current.fields["done"] == 3
