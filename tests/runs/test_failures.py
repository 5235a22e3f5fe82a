import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osrmac.commands.extract import extract
from osrmac.commands.fit import fit
from osrmac.config import ComputeConfig, DescriptorConfig, FailureConfig, ReductionConfig
from osrmac.errors import FailureRateError, StorageError
from osrmac.runs.failures import Failures, failed_ids, summary
from osrmac.storage import shards
from osrmac.storage.lock import locked
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run
from tests.committed import rows
from tests.zoo import LIMIT, zoo

COMPUTE = ComputeConfig(workers=1, shard_rows=4)


@pytest.fixture
def own_photos(photos: Path, tmp_path: Path) -> Path:
    """A copy of the photos, with their times, for tests that change them."""
    return Path(shutil.copytree(photos, tmp_path / "photos"))


@pytest.fixture(scope="module")
def in_fours(photos: Path, tmp_path_factory: pytest.TempPathFactory, small: DescriptorConfig) -> Run:
    """The photos described, four images a shard."""
    run = Run(str(tmp_path_factory.mktemp("fours") / "run"))
    extract(str(photos), run.url, small, COMPUTE)
    return run


@pytest.fixture
def own_run(in_fours: Run, tmp_path: Path) -> Run:
    """A copy of it: where the photos lie is not what makes an image another one."""
    return Run(str(shutil.copytree(in_fours.url, tmp_path / "run")))


def test_failures_are_counted_by_stage_and_reason(finished: Run) -> None:
    described, found = summary(finished)
    assert described == 26
    assert [(kind.stage, kind.count) for kind in found] == [("decode", 1)] * 3
    empty = next(kind for kind in found if "empty" in kind.reason)
    assert empty == Failures("decode", "the file is empty", 1, ("empty.jpg",))
    assert str(empty) == "1 failed at decode, the file is empty: empty.jpg"
    assert sorted(failed_ids(finished)) == ["cut.png", "empty.jpg", "page.jpg"]


def test_many_failures_are_named_by_the_first_few() -> None:
    kind = Failures("fetch", "PermissionError", 12, ("a", "b", "c"))
    assert str(kind) == "12 failed at fetch, PermissionError: a, b, c and 9 more"


def test_what_failed_is_tried_again_when_asked_for(
    own_photos: Path, own_run: Run, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    before = rows(own_run.descriptors)
    (own_photos / "cut.png").write_bytes(make_picture(99))
    os.utime(own_photos / "cut.png", (0, 0))
    retried = extract(str(own_photos), own_run.url, small, COMPUTE, FailureConfig(retry_failed=True))
    assert (retried.described, retried.failed) == (27, 2)
    after = rows(own_run.descriptors)
    assert after["cut.png"]["status"] == "ok"
    assert after | {"cut.png": None} == before | {"cut.png": None}


def test_a_changed_image_is_described_anew_and_new_ones_are_added(
    own_photos: Path, own_run: Run, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    fit(own_run.url, ReductionConfig(features=(32,), retained_variance=0.8, baselines=False))
    before = rows(own_run.descriptors)
    (own_photos / "odd" / "03.png").write_bytes(make_picture(50))
    (own_photos / "new.png").write_bytes(make_picture(3))
    (own_photos / "copy0.png").unlink()
    again = extract(str(own_photos), own_run.url, small, COMPUTE)
    assert again.changes == Changes(new=1, changed=1, removed=1)
    after = rows(own_run.descriptors)
    assert after.keys() == before.keys() | {"new.png"}
    assert after["new.png"]["osrmac"] == before["odd/03.png"]["osrmac"] != after["odd/03.png"]["osrmac"]
    same = before.keys() - {"odd/03.png"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}

    # What was computed from the descriptors follows.
    (selection,) = fit(own_run.url, ReductionConfig(features=(32,), retained_variance=0.8, baselines=False))
    whole = shards.read_vectors(shards.paths(own_run.descriptors), "osrmac")
    reduced = [shards.read(shard) for shard in shards.paths(own_run.reduced(selection.name))]
    found = {row["id"]: row["vector"] for table in reduced for row in table.to_pylist()}
    assert found.keys() == set(whole.ids)
    np.testing.assert_array_equal([found[name] for name in whole.ids], selection.apply(whole.values))


def test_a_job_that_goes_wrong_is_stopped_and_gone_on_with(
    tmp_path: Path, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    folder, run = tmp_path / "photos", Run(str(tmp_path / "run"))
    folder.mkdir()
    for number in range(160):
        (folder / f"{number:03d}.png").write_bytes(b"" if number < 120 else make_picture(number % 10))
    with pytest.raises(FailureRateError, match=r"failed, more than --max-failure-rate 0.5 allows") as caught:
        extract(str(folder), run.url, small, COMPUTE)
    assert "\n" not in str(caught.value)
    there = rows(run.descriptors)
    assert 100 <= len(there) < 160
    done = extract(str(folder), run.url, small, COMPUTE, FailureConfig(max_failure_rate=1))
    assert (done.described, done.failed, done.new) == (40, 120, 160 - len(there))


def test_a_run_that_another_process_works_on_is_refused(photos: Path, run: Run, small: DescriptorConfig) -> None:
    with locked(run.location), pytest.raises(StorageError, match="in use by process"):
        extract(str(photos), run.url, small)


def test_good_and_bad_images_of_every_kind_have_a_row_each(
    tmp_path: Path, small: DescriptorConfig, one_worker: ComputeConfig
) -> None:
    folder, run = tmp_path / "zoo", Run(str(tmp_path / "run"))
    folder.mkdir()
    animals = zoo()
    for name, (content, _) in animals.items():
        (folder / f"{name}.jpg").write_bytes(content)
    (folder / "folder.jpg").mkdir()
    (folder / "nowhere.jpg").symlink_to(folder / "missing")
    failures = FailureConfig(max_failure_rate=1)
    extract(str(folder), run.url, replace(small, max_pixels=LIMIT), one_worker, failures)
    found = rows(run.descriptors)
    sizes = {name: (row["width"], row["height"]) if row["status"] == "ok" else None for name, row in found.items()}
    assert sizes.pop("nowhere.jpg") is None
    assert sizes == {f"{name}.jpg": size for name, (_, size) in animals.items()}
    assert {row["error_stage"] for name, row in found.items() if sizes.get(name) is None} <= {"decode", "fetch"}
