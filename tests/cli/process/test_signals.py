import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from osrmac.cli import main
from tests.cli.scripted import scripted
from tests.marked_processes import left_over, new_mark


@pytest.mark.parametrize(
    ("numbers", "status", "word"),
    [
        ([signal.SIGINT], 130, "interrupted"),
        ([signal.SIGINT, signal.SIGINT], 130, "interrupted"),
        ([signal.SIGTERM], 143, "terminated"),
        ([signal.SIGHUP], 129, "terminal closed"),
    ],
)
def test_a_signal_ends_a_command_with_one_line(
    numbers: list[signal.Signals], status: int, word: str, photos_folder: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/groups.csv"
        options = ["--benchmark", "groups", "--ground-truth", url]
        command = [sys.executable, "-m", "osrmac", "run", str(photos_folder), str(tmp_path / "run"), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            connection, _ = silent.accept()  # the command waits for an answer from now on
            for number in numbers:
                process.send_signal(number)
            shown = process.communicate()
            connection.close()
    assert (process.returncode, *shown) == (status, "", f"osrmac: {word}: run the same command again to continue\n")


def test_sigterm_sent_while_ray_has_its_own_handler_has_status_143() -> None:
    code = (
        "signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))  # as ray.init does\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "time.sleep(100)"
    )
    done = scripted(code)
    assert (done.returncode, done.stderr) == (143, "osrmac: terminated: run the same command again to continue\n")


def test_a_command_that_ignores_a_signal_is_ended_by_force(tmp_path: Path) -> None:
    mark = new_mark()
    code = (
        "from osrmac.cli.process import signals\n"
        "signals._GRACE_SECONDS = 0.5\n"
        "from osrmac.storage.lock import Part, locked\n"
        "from osrmac.storage.location import Location\n"
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        "with locked(Location.of(sys.argv[1]), Part.DESCRIPTORS):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    while True:\n"
        "        try:\n"
        "            time.sleep(1000)\n"
        "        except KeyboardInterrupt:\n"
        "            pass"
    )
    code = code.replace("    os.kill(", "    signal.signal(signal.SIGINT, lambda *_: None)\n    os.kill(")
    done = scripted(code, str(tmp_path), env=os.environ | mark)
    assert (done.returncode, done.stderr) == (130, "osrmac: interrupted: run the same command again to continue\n")
    assert not list(tmp_path.iterdir())
    assert left_over(mark, seconds=0) == []


def test_signals_that_were_ignored_from_the_start_stay_ignored(photos_folder: Path) -> None:
    code = "os.kill(os.getpid(), signal.SIGHUP)\nprint('went on')"
    done = scripted(code, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_handlers_of_signals_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    threads = threading.active_count()
    main(["--version"])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    while threading.active_count() > threads:
        time.sleep(0.01)
