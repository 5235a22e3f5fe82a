"""Extraction, fitting and the report on a bucket of an S3 server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import s3fs

from osrmac.commands.prune import prune
from osrmac.commands.search import search
from osrmac.config import PruneConfig, SearchConfig
from osrmac.errors import StorageError
from osrmac.runs.index.stored import load_index
from osrmac.runs.integrity import check_file, other_files
from osrmac.storage import shards
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.reading.fetch import Fetcher
from osrmac.storage.run import Run
from tests.archives import tar_bytes
from tests.prunable_run import prunable_run


def test_a_bucket_is_listed_with_etags_and_fetched_concurrently(bucket: str, photos: Path) -> None:
    s3fs.S3FileSystem().put(str(photos), "archive/photos", recursive=True)
    (plan,) = listing(Location.of(f"{bucket}/photos"))
    assert plan.num_rows == 29
    row = next(row for row in plan.to_pylist() if row["id"] == "odd/03.png")
    assert row["uri"] == "s3://archive/photos/odd/03.png"
    assert row["size"] == (photos / "odd" / "03.png").stat().st_size
    assert len(row["etag"]) == 32
    uris = [row["uri"], f"{bucket}/photos/gone.jpg", f"{bucket}/photos/even/00.png"]
    first, missing, last = Fetcher()(uris)
    assert first == (photos / "odd" / "03.png").read_bytes()
    assert isinstance(missing, FileNotFoundError)
    assert last == (photos / "even" / "00.png").read_bytes()


def test_a_run_in_a_bucket_is_locked(bucket: str) -> None:
    with (
        locked(Location.of(f"{bucket}/run"), Part.DESCRIPTORS),
        pytest.raises(StorageError, match="in use by process"),
        locked(Location.of(f"{bucket}/run"), Part.DESCRIPTORS),
    ):
        pass
    with locked(Location.of(f"{bucket}/run"), Part.DESCRIPTORS):
        pass


@pytest.mark.s3server
def test_images_and_run_may_be_in_a_bucket(bucket: str, photos: Path, finished: Run) -> None:
    s3fs.S3FileSystem().put(str(photos), "archive/photos", recursive=True)
    recipes = "--recipes single early osrmac osrmac_local"
    options = f"--backbone resnet18 --weights random:0 {recipes} --image-sizes 96 64 48 --workers 1"
    fit = "--features 32 --retained-variance 0.8"
    command = f"run {bucket}/photos {bucket}/run {options} {fit}".split()
    osrmac(*command)
    run = Run(f"{bucket}/run")
    assert run.record()["counts"] == {"planned": 29, "ok": 26, "failed": 3}
    on_s3 = shards.read_vectors(shards.paths(run.descriptors), "osrmac")
    on_disk = shards.read_vectors(shards.paths(finished.descriptors), "osrmac")
    assert on_s3.ids == on_disk.ids
    np.testing.assert_allclose(on_s3.values, on_disk.values, atol=1e-5)
    assert len(shards.paths(run.reduced("osrmac-pfa-32"))) == len(shards.paths(run.descriptors))
    page = run.report.read_bytes().decode()
    assert "s3://archive/photos" in page
    assert page.count("data:image/jpeg") > 26  # the pictures of the bucket, and what is left of the truncated one


@pytest.mark.timeout(600)
@pytest.mark.s3server
def test_a_run_in_a_bucket_is_indexed_searched_pruned_and_extended(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    local = prunable_run(tmp_path)
    shutil.rmtree(local.index("osrmac-pfa-2"))
    s3fs.S3FileSystem().put(local.url, "archive/run", recursive=True)
    run = Run(f"{bucket}/run")
    osrmac("index", run.url, "--method", "osrmac-pfa-2")
    index = load_index(run, "osrmac-pfa-2")
    assert index is not None
    assert (index.images, len(index.parts)) == (19, 1)
    by_index = search(run.url, ["odd/01.png"], SearchConfig(method="osrmac-pfa-2"))
    assert by_index.searched.startswith("index over 19 of 19 images")
    assert by_index.queries == search(run.url, ["odd/01.png"], SearchConfig(method="osrmac-pfa-2", exact=True)).queries
    (tmp_path / "remove.txt").write_text("even/00.png\n")
    prune(run.url, PruneConfig(remove=str(tmp_path / "remove.txt"), yes=True))
    assert "18 images" in osrmac("index", run.url, "--method", "osrmac-pfa-2")
    index = load_index(run, "osrmac-pfa-2")
    assert index is not None
    assert {file.name for file in run.index("osrmac-pfa-2").files()} == {"index.json", *index.files}
    assert [problem for file in other_files(run) if (problem := check_file(file))] == []


def osrmac(*command: str) -> str:
    """Run a command in a process of its own, whose Ray has the address of the server; return its output."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-m", "osrmac", *command], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.s3server
def test_images_in_an_archive_of_a_bucket_are_estimated_with_their_requests(bucket: str, photos: Path) -> None:
    members = {file.name: file.read_bytes() for file in (photos / "odd").iterdir()}
    store = s3fs.S3FileSystem()
    store.pipe_file("archive/scans/a.tar", tar_bytes(members | {"notes.txt": b""}))
    options = "--backbone resnet18 --weights random:0 --image-sizes 96 --workers 1 --sample 4 --get-price 1e6"
    command = f"estimate {bucket}/scans {options} --scratch {bucket}/scratch --format json".split()
    found = json.loads(osrmac(*command))
    assert (found["images"], found["skipped"], found["sample"]["failed"]) == (10, {".txt": 1}, 0)
    number = found["volume"]["shards"]
    assert found["volume"]["requests"] == {"gets": 10 + 6 * number, "puts": 2 * number + 1}
    assert found["costs"] == {"requests": 10 + 6 * number}
    assert store.find("archive", refresh=True) == ["archive/scans/a.tar"]
