"""Fixtures of all tests: a collection of pictures, runs of it, a local Ray and a bucket."""

import io
import logging
import os
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import ray
import ray.data
from hypothesis import settings
from PIL import Image

from osrmac.commands.evaluate import evaluate
from osrmac.commands.extract import extract
from osrmac.config import ComputeConfig, DescriptorConfig, EvaluationConfig
from osrmac.distributed.cluster.connect import connect
from osrmac.progress import set_quiet
from osrmac.storage import schema, shards
from osrmac.storage.run import Run

# Deadlines would fail on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def measuring_data() -> Path:
    """Folder of real images, ground truths and reference scores, which may not be redistributed."""
    folder = Path(os.environ.get("OSRMAC_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"there is no measuring data at {folder}: name its folder in OSRMAC_DATA")
    return folder


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an empty bucket on a local S3 server, which this process and its children use."""
    import s3fs  # both are slow to import, and most tests need no bucket
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # All moto servers of a process share their buckets.
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("archive")
    yield "s3://archive"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(autouse=True)
def notes_shown() -> Iterator[None]:
    """Show progress and notes after a test of `--quiet`, which holds for the process."""
    yield
    set_quiet(False)


PICTURES, COPIES = 20, 5


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """Local Ray with two CPUs, whatever the machine has."""
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    connect(ComputeConfig())
    # osrmac must overrule this time limit: processes take longer to start, so every test would fail.
    ray.data.DataContext.get_current().execution_no_progress_timeout_s = 0.01
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def small() -> DescriptorConfig:
    """Descriptors that take milliseconds per image."""
    return DescriptorConfig(
        backbone="resnet18",
        weights="random:0",
        recipes=("single", "early", "osrmac", "osrmac_local"),
        image_sizes=(96, 64, 48),
    )


@pytest.fixture(scope="session")
def one_worker() -> ComputeConfig:
    """One describing process, which starts fastest."""
    return ComputeConfig(workers=1)


@pytest.fixture(scope="session")
def make_picture() -> Callable[[int], bytes]:
    """Function that makes a PNG from a seed, on which its width depends too."""

    def make(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        coarse.resize((90 + 7 * seed, 120), Image.Resampling.BICUBIC).save(buffer, "PNG")
        return buffer.getvalue()

    return make


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory, make_picture: Callable[[int], bytes]) -> Path:
    """Folder of 20 pictures in two folders, copies of the first five, half of picture 08, and three broken files."""
    folder = tmp_path_factory.mktemp("collection") / "photos"
    for number in range(PICTURES):
        file = folder / ("even" if number % 2 == 0 else "odd") / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(make_picture(number))
        if number < COPIES:
            (folder / f"copy{number}.png").write_bytes(make_picture(number))
    with Image.open(folder / "even" / "08.png") as image:
        image.crop((0, 0, image.width // 2, image.height)).save(folder / "half08.png")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_text("<html>not found</html>")
    (folder / "cut.png").write_bytes(make_picture(99)[:200])
    return folder


@pytest.fixture(scope="session")
def finished(
    photos: Path,
    tmp_path_factory: pytest.TempPathFactory,
    small: DescriptorConfig,
    one_worker: ComputeConfig,
    local_ray: None,
) -> Run:
    """A finished run of the pictures, each in a shard of its own; tests must not change it."""
    run = Run(str(tmp_path_factory.mktemp("finished") / "run"))
    done = extract(str(photos), run.url, small, replace(one_worker, shard_rows=1))
    assert (done.described, done.failed, done.new) == (26, 3, 29)
    return run


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of the finished run."""
    shutil.copytree(finished.url, tmp_path / "run")
    return Run(str(tmp_path / "run"))


@pytest.fixture
def other(run: Run, tmp_path: Path) -> Run:
    """A run of another collection with the same options: half of the shards of the finished run."""
    copy = Run(str(tmp_path / "other"))
    shutil.copytree(run.url, copy.url)
    kept = {f"copy{number}.png" for number in range(COPIES)} | {f"even/{number:02d}.png" for number in range(0, 16, 2)}
    described = 0
    for shard in shards.paths(copy.descriptors):
        (row,) = shards.read(shard, ["id", "status"]).to_pylist()
        if row["id"] in kept:
            described += row["status"] == schema.OK
        else:
            Path(shard).unlink()
    record = copy.record() | {"images": "other photos", "counts": {schema.OK: described}}
    (copy.location / "run.json").write_json(record)
    return copy


@pytest.fixture
def own_photos(photos: Path, tmp_path: Path) -> Path:
    """A copy of the photos, with their times, for tests that change them."""
    return Path(shutil.copytree(photos, tmp_path / "photos"))


@pytest.fixture(scope="session")
def in_fours(photos: Path, tmp_path_factory: pytest.TempPathFactory, small: DescriptorConfig, local_ray: None) -> Run:
    """A run of the photos with three or four images in a shard; tests must not change it."""
    run = Run(str(tmp_path_factory.mktemp("fours") / "run"))
    extract(str(photos), run.url, small, ComputeConfig(workers=1, shard_rows=4))
    return run


@pytest.fixture
def own_run(in_fours: Run, tmp_path: Path) -> Run:
    """A copy of that run; an image at another path is the same image."""
    return Run(str(shutil.copytree(in_fours.url, tmp_path / "run")))


def _oxford(folder: Path) -> str:
    """Write ground truth of one query: the left half of picture 08, which matches half08; picture 08 itself is junk."""
    folder.mkdir()
    width = 90 + 7 * 8
    (folder / "tower_1_query.txt").write_text(f"oxc1_08 0 0 {width // 2} 120\n")
    (folder / "tower_1_good.txt").write_text("half08\n")
    (folder / "tower_1_ok.txt").write_text("")
    (folder / "tower_1_junk.txt").write_text("08\n")
    return str(folder)


@pytest.fixture
def oxford(tmp_path: Path) -> str:
    """Ground truth of Oxford5k with one query, cropped from picture 08."""
    return _oxford(tmp_path / "gt")


@pytest.fixture(scope="session")
def finished_with_crops(finished: Run, tmp_path_factory: pytest.TempPathFactory, one_worker: ComputeConfig) -> Run:
    """The finished run with the cropped query described, but no scores; tests must not change it."""
    folder = tmp_path_factory.mktemp("finished_with_crops")
    run = Run(str(folder / "run"))
    shutil.copytree(finished.url, run.url)
    evaluate(run.url, EvaluationConfig(benchmark="oxford5k", ground_truth=_oxford(folder / "gt")), one_worker)
    shutil.rmtree(folder / "run" / "evaluation")
    return run


@pytest.fixture
def with_crops(finished_with_crops: Run, tmp_path: Path) -> Run:
    """A copy of the run with a described crop."""
    shutil.copytree(finished_with_crops.url, tmp_path / "run")
    return Run(str(tmp_path / "run"))


@pytest.fixture(scope="session")
def regional(
    photos: Path,
    tmp_path_factory: pytest.TempPathFactory,
    small: DescriptorConfig,
    one_worker: ComputeConfig,
    local_ray: None,
) -> Run:
    """A finished run of the pictures with a vector for each region; tests must not change it."""
    run = Run(str(tmp_path_factory.mktemp("regional") / "run"))
    extract(str(photos), run.url, replace(small, recipes=("rmac", "rmac_regions"), image_sizes=(160,)), one_worker)
    return run


@pytest.fixture
def with_regions(regional: Run, tmp_path: Path) -> Run:
    """A copy of the run with regions."""
    shutil.copytree(regional.url, tmp_path / "run")
    return Run(str(tmp_path / "run"))
