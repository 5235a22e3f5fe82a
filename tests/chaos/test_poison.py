"""Images that kill the worker that describes them, or keep it busy without end."""

import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from osrmac.runs.failures import summary
from osrmac.storage.run import Run

from .conftest import Command, committed, make_collection, picture
from .instrumented.sitecustomize import ENDLESS, LETHAL

IMAGES = 40


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("poison", "options"), [(LETHAL, []), (ENDLESS, ["--image-timeout", "3"])])
def test_an_image_that_kills_workers_becomes_a_failed_row_and_the_others_are_described(
    command: Callable[..., Command], poison: bytes, options: list[str]
) -> None:
    extraction = command(IMAGES, "--shard-rows", "10", *options)
    poisoned = {"0007.png", "0023.png"}
    for number, name in enumerate(sorted(poisoned)):
        (extraction.images / name).write_bytes(picture(number) + poison)
    assert "38 images described, 2 failed" in extraction.finish()
    rows = committed(extraction.run).to_pylist()
    assert {row["id"] for row in rows if row["status"] == "failed"} == poisoned
    described, (failures,) = summary(extraction.run)
    assert described == IMAGES - 2
    assert (failures.stage, failures.count) == ("describe", 2)
    assert "died of it 3 times" in failures.reason


class _Slow(SimpleHTTPRequestHandler):
    """Takes longer to respond than an image may take to be described."""

    def do_GET(self) -> None:
        time.sleep(5)
        super().do_GET()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.mark.timeout(300)
def test_the_time_to_read_a_file_does_not_count_as_the_time_of_the_image(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "photos", 4)
    (folder / "0002.png").write_bytes(picture(2) + ENDLESS)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Slow, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        listed = tmp_path / "list.txt"
        listed.write_text("".join(f"http://127.0.0.1:{server.server_port}/{n:04d}.png\n" for n in range(4)))
        command = Command(listed, Run(str(tmp_path / "run")), tmp_path / "decoded", ["--image-timeout", "3"])
        assert "3 images described, 1 failed" in command.finish()
        server.shutdown()
    rows = committed(command.run).to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok", "failed", "ok"]
