import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from osrmac import progress
from osrmac.errors import NotFoundError
from osrmac.log import formatted, is_json, json_log, write_exception, write_line
from osrmac.progress import note, stage, warn

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Returns the JSON objects on standard error; fails if there is anything else."""
    return lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_text_has_no_fields_and_errors_begin_with_the_name_of_the_program() -> None:
    assert formatted("info", "listing 3", done=3) == "listing 3\n"
    assert formatted("error", "no run at x") == "osrmac: no run at x\n"


def test_json_has_time_level_message_and_fields(lines: Lines) -> None:
    with json_log(command="extract"):
        assert is_json()
        write_line("warning", "some are gone", images=3)
    (line,) = lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"level": "warning", "message": "some are gone", "command": "extract", "images": 3}
    assert not is_json()


def test_json_has_no_credentials_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with json_log():
        write_line("info", "from https://me:secret@host/a\x1b[2J\udce9", url="https://me:secret@host/b")
    shown = capsys.readouterr().err
    assert "secret" not in shown
    assert json.loads(shown)["message"] == "from https://host/a\\x1b[2J\\udce9"
    assert json.loads(shown)["url"] == "https://host/b"
    assert shown.isascii()


def test_notes_and_stages_have_fields(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_LOG_SECONDS", 0.01)
    logged = threading.Event()

    def write(*line: Any, **fields: Any) -> None:
        write_line(*line, **fields)
        logged.set()

    monkeypatch.setattr(progress, "write_line", write)
    with json_log():
        note("skipped: 3 .xmp", skipped={".xmp": 3})
        warn("run.json was lost")
        with stage("reducing") as current:
            current.update(2, 5)
            logged.clear()
            logged.wait(60)
    first, second, *stages = lines()
    assert (first["level"], first["skipped"]) == ("info", {".xmp": 3})
    assert second["level"] == "warning"
    last = stages[-1]
    assert last["message"].startswith("reducing 2 of 5, ")
    assert {"stage": "reducing", "done": 2, "total": 5}.items() <= last.items()


def test_no_bar_is_drawn_even_in_a_terminal(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with json_log():
        assert not sys.stderr.isatty()


def test_what_libraries_print_becomes_lines(lines: Lines) -> None:
    with json_log(command="fit"):
        print("Downloading: weights", file=sys.stderr)
        sys.stderr.writelines(["10%\r", "20%\r\n", "\n"])
        print("begun", end="", file=sys.stderr)
        note("a note")
        print("the end", end="", file=sys.stderr)
    shown = lines()
    assert [line["message"] for line in shown] == ["Downloading: weights", "10%", "20%", "begun", "a note", "the end"]
    assert {line["command"] for line in shown} == {"fit"}


def test_warnings_and_records_of_libraries_have_their_level_and_logger(lines: Lines) -> None:
    with json_log(), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old", UserWarning, stacklevel=1)
        logging.getLogger("library").info("not shown")
        try:
            raise ValueError("bad")
        except ValueError:
            logging.getLogger("library").exception("failed")
    warning, record = lines()
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")
    assert "UserWarning: old" in warning["message"]
    assert (record["level"], record["logger"], record["message"]) == ("error", "library", "failed")
    assert record["traceback"].endswith("ValueError: bad")


def test_an_unexpected_exception_has_its_traceback_in_a_field(lines: Lines) -> None:
    with json_log():
        write_exception(raised(ValueError("bad https://me:secret@host/a")))
        write_exception(raised(NotFoundError("no run")))
    unexpected, expected = lines()
    assert (unexpected["level"], unexpected["error"]) == ("critical", "ValueError")
    assert unexpected["message"] == "ValueError: bad https://host/a"
    assert unexpected["traceback"].startswith("Traceback (most recent call last):\n")
    assert "secret" not in unexpected["traceback"]
    assert expected["level"] == "error"


def test_an_exception_of_a_thread_is_a_line(lines: Lines) -> None:
    with json_log():
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
    (line,) = lines()
    assert (line["level"], line["message"]) == ("critical", "ZeroDivisionError: division by zero")
