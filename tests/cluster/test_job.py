"""The complete workflow as a Ray job with token authentication, with the images and the run in a bucket."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import s3fs
from PIL import Image

from osrmac.storage import shards
from osrmac.storage.run import Run

from .heads import Head, head
from .watching import scraping

IMAGES = 24
OPTIONS = (
    "--backbone resnet18 --weights random:0 --image-sizes 96 64 48 --workers 2 --features 32 --retained-variance 0.8 "
    "--benchmark groups --ground-truth"
)
MAX_UPLOAD_BYTES = 3_000_000


def make_collection(folder: Path) -> Path:
    """Write pairs of similar images, their ground truth, and an empty file."""
    folder.mkdir()
    for number in range(IMAGES):
        pixels = np.random.default_rng(number // 2).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        coarse = Image.fromarray(pixels + np.uint8(number % 2))
        coarse.resize((90 + 5 * number, 120), Image.Resampling.BICUBIC).save(folder / f"{number:02d}.png")
    (folder / "empty.jpg").write_bytes(b"")
    lines = ["id,group", *(f"{number:02d}.png,{number // 2}" for number in range(IMAGES))]
    (folder / "groups.csv").write_text("\n".join(lines))
    return folder


def test_a_job_gives_the_same_result_as_a_run_on_this_machine(store: dict[str, str], tmp_path: Path) -> None:
    photos = make_collection(tmp_path / "photos")
    s3fs.S3FileSystem().put(str(photos), "archive/photos", recursive=True)
    with head("--num-cpus", "2", RAY_metrics_report_interval_ms="1000") as cluster:
        command = f"python workflows/run.py s3://archive/photos s3://archive/run {OPTIONS}".split()
        refused = cluster.submit(*command, "s3://archive/photos/groups.csv", env=store, RAY_AUTH_TOKEN="0" * 64)
        assert refused.returncode != 0
        assert "token" in (refused.stdout + refused.stderr).lower()
        with scraping(cluster) as metrics:
            done = cluster.submit(*command, "s3://archive/photos/groups.csv", env=store)
        assert done.returncode == 0, done.stdout + done.stderr
        assert 0 < uploaded_bytes(cluster) < MAX_UPLOAD_BYTES
    assert "24 images described, 1 failed" in done.stdout
    counted = [metrics.total("osrmac_images_total", status=status) for status in ("ok", "failed")]
    assert counted == [IMAGES, 1]
    assert metrics.total("osrmac_fetched_bytes_total") == sum(file.stat().st_size for file in photos.glob("*.png"))
    assert all(metrics.total("osrmac_seconds_total", stage=stage) > 0 for stage in ("fetch", "network", "commit"))

    local_run = [sys.executable, "-m", "osrmac", "run", str(photos), str(tmp_path / "run"), *OPTIONS.split()]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    subprocess.run([*local_run, str(photos / "groups.csv")], check=True, env=environment, capture_output=True)
    assert_equal_runs(Run("s3://archive/run"), Run(str(tmp_path / "run")))


def uploaded_bytes(cluster: Head) -> int:
    """Return the size of the working directory that was uploaded to the cluster, without modules compiled there."""
    files = cluster.folder.glob("ray/session_latest/runtime_resources/working_dir_files/_ray_pkg_*/**/*")
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


def assert_equal_runs(one: Run, other: Run) -> None:
    """Check that vectors are equal up to rounding, and ids, failures, reductions and rankings identical."""
    rows = [pa.concat_tables(map(shards.read, shards.paths(run.descriptors))).sort_by("id") for run in (one, other)]
    for column in ("id", "status", "error_stage", "error", "width", "height"):
        assert rows[0][column].to_pylist() == rows[1][column].to_pylist()
    left, right = (shards.read_vectors(shards.paths(run.descriptors), "osrmac").values for run in (one, other))
    print(f"largest difference of a descriptor's value: {np.abs(left - right).max():.1e}")
    np.testing.assert_allclose(left, right, atol=1e-5)
    indices = [{each["name"]: each["indices"] for each in run.selections().values()} for run in (one, other)]
    assert indices[0] == indices[1]
    assert len(indices[0]) == 4
    assert rankings(one) == rankings(other)


def rankings(run: Run) -> list[dict[str, Any]]:
    """Return the results of all queries of the only evaluation."""
    (results,) = (run.location / "evaluation").files(".parquet")
    listed: list[dict[str, Any]] = shards.read(results).to_pylist()
    assert listed
    return listed
