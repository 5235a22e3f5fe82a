import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from osrmac.storage import manifest, shards
from osrmac.storage.run import Run

HERE = Path(__file__).parent
PYTHON_PATH = os.pathsep.join([str(HERE / "instrumented"), str(HERE.parents[1])])
OPTIONS = (
    "--backbone resnet18 --weights random:0 --recipes single osrmac --image-sizes 160 128 96 "
    "--workers 1 --max-failure-rate 1"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.chaos)


def picture(seed: int) -> bytes:
    """Return a PNG that differs from that of any other seed."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((160, 120), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def make_collection(folder: Path, images: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(images):
        (folder / f"{number:04d}.png").write_bytes(picture(number))
    return folder


@dataclass
class Command:
    """`osrmac extract` of a collection, in a process of its own.

    Attributes:
        images: Folder of the collection.
        run: The run that is written.
        log: File that grows by a byte with every decoded image; the output of the command goes to a file beside it.
        options: Options in addition to `OPTIONS`.
    """

    images: Path
    run: Run
    log: Path
    options: list[str] = field(default_factory=list)

    def start(self) -> "subprocess.Popen[bytes]":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        environment |= {"PYTHONPATH": PYTHON_PATH, "DECODED_LOG": str(self.log)}
        command = [sys.executable, "-m", "osrmac", "extract", str(self.images), self.run.url]
        with self._output_file.open("wb") as output:
            return subprocess.Popen(
                [*command, *OPTIONS.split(), *self.options], stdout=output, stderr=output, env=environment
            )

    def finish(self, status: int = 0) -> str:
        """Run the command to its end, check its exit status, and return its output."""
        assert self.start().wait() == status, self.output
        return self.output

    @property
    def _output_file(self) -> Path:
        return self.log.with_name(f"{self.log.name}-output")

    @property
    def output(self) -> str:
        """Output of the last process, standard error included."""
        return self._output_file.read_text()

    @property
    def decoded(self) -> int:
        """Number of images decoded so far, including those whose process was killed afterwards."""
        return self.log.stat().st_size if self.log.exists() else 0


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Command]:
    """Factory of a command over a new collection, from a number of images and further options."""

    def make(images: int, *options: str) -> Command:
        folder = make_collection(tmp_path / "photos", images)
        return Command(folder, Run(str(tmp_path / "run")), tmp_path / "decoded", list(options))

    return make


def committed(run: Run) -> pa.Table:
    """Return all rows sorted by id; fails unless every planned id has exactly one."""
    rows = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.descriptors)).sort_by("id")
    planned = manifest.read_all(run.manifest, ["id"])["id"].sort()
    assert rows["id"].to_pylist() == planned.to_pylist()
    return rows
