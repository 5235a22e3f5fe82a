import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from osrmac.cli import main
from osrmac.cli.process import on_finish
from osrmac.cli.process.on_finish import FinishHook, set_result
from osrmac.storage.run import Run
from tests.cli.scripted import scripted


@pytest.fixture
def summary(tmp_path: Path) -> "Summary":
    return Summary(tmp_path / "summary.json")


class Summary:
    """A file into which `--on-finish` writes the summary of a command."""

    def __init__(self, file: Path) -> None:
        self.command = f"cat > {shlex.quote(str(file))}"
        self._file = file

    def read(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self._file.read_text())
        return value


def hook(command: str | None) -> FinishHook:
    made = FinishHook()
    made.set(command, {"command": "fit", "run": "https://me:secret@host/run"})
    return made


def test_a_finished_command_is_summarized_with_its_result(
    run: Run, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["info", run.url, "--format", "json", "--on-finish", summary.command])
    told = summary.read()
    assert told["result"] == json.loads(capsys.readouterr().out)
    assert told["seconds"] >= 0
    assert told["started"].endswith("Z")
    same = {"command": "info", "run": run.url, "status": "finished", "exit_status": 0, "error": None}
    assert same.items() <= told.items()


def test_a_refused_command_is_summarized_with_its_error(
    tmp_path: Path, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["info", str(tmp_path), "--on-finish", summary.command])
    assert stopped.value.code == 2
    told = summary.read()
    assert (told["status"], told["exit_status"], told["result"]) == ("failed", 2, None)
    assert capsys.readouterr().err == f"osrmac: {told['error']}\n"


@pytest.mark.parametrize("options", [[], ["--debug"], ["--log-format", "json"]])
def test_an_unexpected_error_is_summarized(
    options: list[str], run: Run, summary: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osrmac.commands.info.info", lambda _: 1 / 0)
    with pytest.raises((ZeroDivisionError, SystemExit)):
        main(["info", run.url, "--on-finish", summary.command, *options])
    told = summary.read()
    assert (told["status"], told["exit_status"]) == ("failed", 1)
    assert told["error"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("number", "status", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "terminal closed")],
)
def test_an_interrupted_command_is_summarized(number: signal.Signals, status: int, word: str, summary: Summary) -> None:
    code = (
        f"hook = _[1]\nhook.set(sys.argv[1], {{'command': 'run'}})\nos.kill(os.getpid(), {number:d})\ntime.sleep(100)"
    )
    done = scripted(code, summary.command)
    assert done.returncode == status
    told = summary.read()
    assert (told["status"], told["exit_status"], told["error"]) == ("interrupted", status, word)


def test_a_command_that_is_ended_by_force_is_summarized_once(tmp_path: Path) -> None:
    code = (
        "from osrmac.cli.process import signals\n"
        "signals._GRACE_SECONDS = 0.5\n"
        "_[1].set(sys.argv[1], {})\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "while True:\n"
        "    time.sleep(1000)"
    )
    done = scripted(code, f"cat >> {tmp_path}/summary.json")
    assert done.returncode == 130
    (line,) = (tmp_path / "summary.json").read_text().splitlines()
    assert json.loads(line)["status"] == "interrupted"


def test_a_command_that_ends_in_time_is_not_ended_while_its_hook_runs(tmp_path: Path) -> None:
    code = (
        "from osrmac.cli.process import signals\n"
        "signals._GRACE_SECONDS = 0.2\n"
        "_[1].set(sys.argv[1], {})\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(100)"
    )
    done = scripted(code, f"sleep 1; touch {tmp_path}/done")
    assert done.returncode == 143
    assert (tmp_path / "done").exists()


def test_ctrl_c_while_it_runs_ends_it(tmp_path: Path) -> None:
    code = "_[1].set(sys.argv[1], {})"
    script = f"touch {tmp_path}/begun; sleep 100; touch {tmp_path}/ended"
    command = [sys.executable, "-c", _PROGRAM.format(code=code), script]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=60)
    assert process.returncode == 130
    assert shown == "osrmac: interrupted: run the same command again to continue\n"
    assert not (tmp_path / "ended").exists()


_PROGRAM = (
    "import sys\nfrom osrmac.cli import app, main\ndef run(*_):\n    {code}\napp._run = run\nmain(sys.argv[1:])\n"
)


def test_without_a_command_nothing_is_run() -> None:
    for command in (None, ""):
        made = hook(command)
        made.run("finished", 0)
        assert not made.wait()


def test_it_is_run_once(tmp_path: Path) -> None:
    made = hook(f"cat >> {tmp_path}/summary.json")
    made.run("finished", 0)
    made.run("interrupted", 130)
    assert made.wait()
    assert len((tmp_path / "summary.json").read_text().splitlines()) == 1


def test_the_summary_has_no_credentials(summary: Summary) -> None:
    made = hook(summary.command)
    set_result({"url": "https://me:secret@host/a"})
    made.run("failed", 1, "cannot read https://me:secret@host/b")
    told = summary.read()
    assert (told["run"], told["error"]) == ("https://host/run", "cannot read https://host/b")
    assert told["result"] == {"url": "https://host/a"}


def test_its_output_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    hook("echo out; echo bad >&2").run("finished", 0)
    assert capfd.readouterr() == ("", "out\nbad\n")


def test_its_failure_is_one_line_and_changes_no_exit_status(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    main(["info", run.url, "--on-finish", "exit 3"])
    assert capsys.readouterr().err == "--on-finish failed: exit status 3\n"


def test_a_machine_without_room_for_a_process_is_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    made = hook("true")
    monkeypatch.setattr(subprocess, "Popen", no_process)
    made.run("finished", 0)
    message = "BlockingIOError: [Errno 11] Resource temporarily unavailable"
    assert capsys.readouterr().err == f"--on-finish failed: {message}\n"
    assert made.wait() >= 0


def test_it_is_stopped_with_its_children_after_a_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(on_finish._SECONDS, "finished", 0.3)
    hook(f"(echo $BASHPID; exec sh -c 'echo $$ > {tmp_path}/child; sleep 1000') | cat").run("finished", 0)
    assert capsys.readouterr().err.splitlines()[-1] == "--on-finish failed: stopped after 0 s"
    child = Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/stat")
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)


def test_a_large_summary_need_not_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    made = hook("exec <&-; exit 0")
    set_result({"failures": ["x" * 1000] * 1000})
    made.run("finished", 0)
    assert capsys.readouterr().err == ""


def test_a_process_that_it_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    hook(f"sleep 1000 & echo $! > {tmp_path}/left").run("finished", 0)
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)  # which fails if it has ended


def test_a_result_of_an_earlier_command_is_forgotten(summary: Summary) -> None:
    set_result({"described": 3})
    hook(summary.command).run("finished", 0)
    assert summary.read()["result"] is None


def test_with_a_json_log_its_output_is_json(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    main(["info", run.url, "--log-format", "json", "--on-finish", "echo sent; exit 1"])
    sent, failed = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (sent["message"], sent["source"]) == ("sent", "--on-finish")
    assert (failed["level"], failed["message"]) == ("warning", "--on-finish failed: exit status 1")
