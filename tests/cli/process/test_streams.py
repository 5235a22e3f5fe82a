import os
import subprocess
import sys
from pathlib import Path

import pytest

from osrmac.storage.run import Run
from tests.cli.scripted import scripted


@pytest.mark.parametrize("arguments", ["info RUN", "info RUN --format json", "--version", "info --help"])
def test_a_closed_pipe_ends_a_command_quietly(finished: Run, arguments: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "osrmac", *arguments.replace("RUN", finished.url).split()]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("arguments", ["info RUN", "--version", "info --help"])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_disk_behind_standard_output_is_reported(
    finished: Run, arguments: str, buffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    command = [sys.executable, "-m", "osrmac", *arguments.replace("RUN", finished.url).split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    message = "osrmac: cannot write the results to standard output: OSError: [Errno 28] No space left on device\n"
    assert (done.returncode, done.stderr) == (1, message)


@pytest.mark.parametrize("arguments", ["info RUN", "info nowhere"])
def test_a_full_disk_behind_standard_error_changes_no_status(finished: Run, arguments: str) -> None:
    command = [sys.executable, "-m", "osrmac", *arguments.replace("RUN", finished.url).split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stderr=full, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == (0 if "RUN" in arguments else 2)
    assert bool(done.stdout) == ("RUN" in arguments)


def test_files_get_no_number_of_a_closed_stream(tmp_path: Path) -> None:
    code = "print('out'); print('err', file=sys.stderr)\nwith open(sys.argv[1], 'w') as file: os.write(2, b'noise')"
    shell = ["bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash"]
    file = tmp_path / "file"
    done = scripted(code, str(file), prefix=shell)
    assert done.returncode == 0
    assert file.read_text() == ""
