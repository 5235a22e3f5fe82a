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

OPTIONS = (
    "--backbone resnet18 --weights random:0 --recipes single osrmac --image-sizes 160 128 96 "
    "--workers 1 --max-failure-rate 1"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.chaos)


def picture(seed: int) -> bytes:
    """A PNG that no other seed gives."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    coarse.resize((160, 120), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def collection(folder: Path, images: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(images):
        (folder / f"{number:04d}.png").write_bytes(picture(number))
    return folder


@dataclass
class Command:
    """`osrmac extract` of a collection, as a process of its own.

    Attributes:
        images: The collection.
        run: Where it goes.
        log: Grows by a byte with every image that is decoded; what is printed goes to a file beside it.
        options: Further ones.
    """

    images: Path
    run: Run
    log: Path
    options: list[str] = field(default_factory=list)

    def start(self) -> "subprocess.Popen[bytes]":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        environment |= {"PYTHONPATH": str(Path(__file__).parent / "instrumented"), "DECODED_LOG": str(self.log)}
        command = [sys.executable, "-m", "osrmac", "extract", str(self.images), "--run", self.run.url]
        with self._printed.open("wb") as printed:
            return subprocess.Popen(
                [*command, *OPTIONS.split(), *self.options], stdout=printed, stderr=printed, env=environment
            )

    def finish(self, status: int = 0) -> str:
        """Run it to the end; what it printed."""
        assert self.start().wait() == status, self.printed
        return self.printed

    @property
    def _printed(self) -> Path:
        return self.log.with_name(f"{self.log.name}-printed")

    @property
    def printed(self) -> str:
        """What it printed the last time."""
        return self._printed.read_text()

    @property
    def decoded(self) -> int:
        """How many images were decoded so far, in vain or not."""
        return self.log.stat().st_size if self.log.exists() else 0


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., Command]:
    """Makes the command over a collection of so many images."""

    def make(images: int, *options: str) -> Command:
        folder = collection(tmp_path / "photos", images)
        return Command(folder, Run(str(tmp_path / "run")), tmp_path / "decoded", list(options))

    return make


def committed(run: Run) -> pa.Table:
    """All rows by id; fails unless every planned id is there exactly once."""
    rows = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.descriptors)).sort_by("id")
    planned = manifest.read_all(run.manifest, ["id"])["id"].sort()
    assert rows["id"].to_pylist() == planned.to_pylist()
    return rows
