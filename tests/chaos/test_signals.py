"""Commands that get a signal at various moments, as the shell, a terminal or a service manager sends it.

A terminal sends its signals to the whole group of processes, a service manager sends SIGTERM to one process.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.marked_processes import command_line, left_over, marked, new_mark
from tests.tiny_run import tiny_run

from .conftest import OPTIONS, PYTHON_PATH, Command, committed, make_collection

IMAGES = 40

SIGNALS = {
    "Ctrl-C": ([signal.SIGINT], 130, "interrupted"),
    "Ctrl-C twice": ([signal.SIGINT, signal.SIGINT], 130, "interrupted"),
    "SIGTERM": ([signal.SIGTERM], 143, "terminated"),
    "SIGHUP": ([signal.SIGHUP], 129, "terminal closed"),
}

PAUSES = {
    "listing": ("extract", "osrmac.storage.listing.collection:listing"),
    "weights": ("extract", "osrmac.runs.identity:identify"),
    "fitting": ("fit", "osrmac.reduction.fitting:fit_reduction"),
    "evaluating": ("evaluate", "osrmac.runs.scoring:scores"),
    "report": ("report", "osrmac.pages.components:report_page"),
}
"""Moments of a command, and the function in which it is then."""


def send(process: "subprocess.Popen[bytes]", numbers: list[signal.Signals]) -> None:
    """Send signals shortly one after the other, those of a terminal to the group."""
    for number in numbers:
        if number == signal.SIGTERM:
            process.send_signal(number)
        else:
            os.killpg(process.pid, number)
        time.sleep(0.2 if len(numbers) > 1 else 0)


def arguments(command: str, folder: Path) -> list[str]:
    """Return the arguments of a command, and make what it works on."""
    run = str(folder / "run")
    if command == "extract":
        make_collection(folder / "photos", 4)
        return [command, str(folder / "photos"), run, *OPTIONS.split()]
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(40, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tiny_run(folder / "run", {"osrmac": {f"{number:02d}.png": vector for number, vector in enumerate(vectors)}})
    (folder / "groups.csv").write_text("id,group\n00.png,a\n01.png,a\n")
    options = {
        "fit": ["--features", "4"],
        "evaluate": ["--benchmark", "groups", "--ground-truth", str(folder / "groups.csv")],
        "report": [],
    }
    return [command, run, *options[command]]


def start(command: list[str], environment: dict[str, str], folder: Path) -> "subprocess.Popen[bytes]":
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "osrmac", *command],
            stdout=output,
            stderr=output,
            env=inherited | {"PYTHONPATH": PYTHON_PATH} | environment,
            start_new_session=True,
        )


def check_end(process: "subprocess.Popen[bytes]", mark: dict[str, str], folder: Path, status: int, word: str) -> None:
    """Check how a process ends after a signal: status, line, processes and locks."""
    assert process.wait(timeout=60) == status
    assert left_over(mark) == []
    output = (folder / "output").read_text()
    assert output.splitlines()[-1:] == [f"osrmac: {word}: run the same command again to continue"], output
    assert "Traceback" not in output
    assert "Exception ignored" not in output
    assert not list(folder.glob("run/*lock*"))
    assert not list(folder.glob("run/.*"))


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("moment", PAUSES)
def test_a_signal_ends_a_command_at_any_moment(moment: str, kind: str, tmp_path: Path) -> None:
    command, function = PAUSES[moment]
    numbers, status, word = SIGNALS[kind]
    mark, paused = new_mark(), tmp_path / "paused"
    process = start(arguments(command, tmp_path), mark | {"PAUSE_IN": function, "PAUSED_FILE": str(paused)}, tmp_path)
    while not paused.exists():
        assert process.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.05)
    send(process, numbers)
    check_end(process, mark, tmp_path, status, word)


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("name", ["gcs_server", "raylet", "default_worker.py"])
def test_a_signal_ends_a_command_while_ray_starts(name: str, kind: str, tmp_path: Path) -> None:
    numbers, status, word = SIGNALS[kind]
    mark = new_mark()
    process = start(arguments("extract", tmp_path), mark, tmp_path)
    found = False
    while not found:
        assert process.poll() is None, (tmp_path / "output").read_text()
        found = any(name in " ".join(command_line(child)) for child in marked(mark))
    send(process, numbers)
    check_end(process, mark, tmp_path, status, word)


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_signal_ends_an_extraction_that_the_same_command_continues(
    kind: str, command: Callable[..., Command], tmp_path: Path
) -> None:
    numbers, status, word = SIGNALS[kind]
    extraction, mark = command(IMAGES, "--shard-rows", "1"), new_mark()
    given = ["extract", str(extraction.images), extraction.run.url, *OPTIONS.split(), *extraction.options]
    process = start(given, mark | {"DECODED_LOG": str(extraction.log)}, tmp_path)
    while not shards.paths(extraction.run.descriptors):
        assert process.poll() is None, (tmp_path / "output").read_text()
        time.sleep(0.05)
    send(process, numbers)
    check_end(process, mark, tmp_path, status, word)
    assert 0 < len(shards.paths(extraction.run.descriptors)) < IMAGES

    assert f"{IMAGES} images described, 0 failed" in extraction.finish()
    committed(extraction.run)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_closed_pipe_ends_an_extraction(stream: str, tmp_path: Path) -> None:
    """The reader of the pipe goes away before the command has written to it."""
    mark = new_mark()
    reader, writer = os.pipe()
    os.close(reader)
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: writer}
    done = subprocess.run(
        [sys.executable, "-m", "osrmac", *arguments("extract", tmp_path)],
        **streams,  # type: ignore[call-overload]
        env=inherited | mark,
        check=False,
    )
    os.close(writer)
    assert left_over(mark) == []
    if stream == "stdout":
        assert done.returncode == 141
        assert b"Traceback" not in done.stderr
    else:
        assert done.returncode in {0, 141}
    assert not list(tmp_path.glob("run/*lock*"))
    run = Run(str(tmp_path / "run"))
    assert sum(len(shards.described_ids(shard)) for shard in shards.paths(run.descriptors)) == 4
