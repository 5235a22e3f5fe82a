"""Extraction of a collection whose images are elsewhere than they were, or were missing before."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from osrmac.commands.extract import extract
from osrmac.commands.verify import verify
from osrmac.config import CollectionConfig, ComputeConfig, DescriptorConfig, FailureConfig
from osrmac.errors import ConfigError
from osrmac.storage import shards
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run
from tests.committed import described, rows

pytestmark = pytest.mark.integration

COMPUTE = ComputeConfig(workers=1, shard_rows=4)


def set_times(folder: Path) -> None:
    """Give all files the same time, as a copy without times has other ones."""
    for file in folder.rglob("*.*"):
        os.utime(file, (0, 0))


def test_a_moved_collection_is_continued_at_its_new_place(
    own_photos: Path, own_run: Run, small: DescriptorConfig
) -> None:
    before = rows(own_run.descriptors)
    lost = shards.paths(own_run.descriptors)[:2]
    images = sum(shards.footer(shard).num_rows for shard in lost)
    for shard in lost:
        Path(shard).unlink()
    moved = extract(str(own_photos), own_run.url, small, COMPUTE)
    assert moved.changes == Changes(new=0, changed=0, removed=0, moved=29)
    assert (moved.described, moved.failed, moved.new) == (26, 3, images)
    after = rows(own_run.descriptors)
    assert described(after) == described(before)
    assert all(row["uri"] == str(own_photos / name) for name, row in after.items())
    assert list(verify(own_run.url)) == []
    assert extract(str(own_photos), own_run.url, small, COMPUTE).changes == Changes(0, 0, 0)


def test_images_of_the_same_size_only_are_described_again_unless_sizes_are_trusted(
    own_photos: Path, own_run: Run, small: DescriptorConfig
) -> None:
    before = rows(own_run.descriptors)
    set_times(own_photos)
    with pytest.raises(ConfigError, match=r"photos/ are not those of the run, for example 'copy0.png': .* --moved"):
        extract(str(own_photos), own_run.url, small, COMPUTE)
    with pytest.raises(ConfigError, match="--moved"):
        extract(str(own_photos), own_run.url, small, COMPUTE, collection=CollectionConfig())
    assert rows(own_run.descriptors) == before
    trusted = extract(str(own_photos), own_run.url, small, COMPUTE, collection=CollectionConfig(trust_size=True))
    assert (trusted.changes, trusted.new) == (Changes(0, 0, 0, moved=29), 0)
    assert described(rows(own_run.descriptors)) == described(before)


def test_all_images_are_described_again_if_a_collection_is_said_to_have_moved(
    own_photos: Path, own_run: Run, small: DescriptorConfig
) -> None:
    before = rows(own_run.descriptors)
    set_times(own_photos)
    moved = extract(str(own_photos), own_run.url, small, COMPUTE, collection=CollectionConfig(moved=True))
    assert (moved.changes, moved.new) == (Changes(0, 29, 0), 29)
    assert described(rows(own_run.descriptors)) == described(before)


def test_another_collection_is_refused(
    tmp_path: Path, own_run: Run, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    before = rows(own_run.descriptors)
    folder = tmp_path / "others"
    folder.mkdir()
    (folder / "other.png").write_bytes(make_picture(3))
    with pytest.raises(ConfigError, match=r"others/ are not those of the run, for example 'other.png'"):
        extract(str(folder), own_run.url, small, COMPUTE)
    assert rows(own_run.descriptors) == before


def test_a_late_image_is_described_when_it_is_there_and_its_later_changes_are_seen(
    own_photos: Path, tmp_path: Path, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    run, late, listed = Run(str(tmp_path / "run")), tmp_path / "late.png", tmp_path / "list.txt"
    listed.write_text(f"{own_photos / 'copy0.png'}\n{late}\n")
    assert extract(str(listed), run.url, small, COMPUTE).failed == 1
    late.write_bytes(make_picture(1))
    came = extract(str(listed), run.url, small, COMPUTE)
    assert (came.described, came.failed, came.new) == (2, 0, 1)
    late.write_bytes(make_picture(2))
    os.utime(late, (0, 0))
    changed = extract(str(listed), run.url, small, COMPUTE)
    assert (changed.changes.changed, changed.new) == (1, 1)
    assert extract(str(listed), run.url, small, COMPUTE, FailureConfig(retry_failed=True)).new == 0


def test_a_file_that_was_away_for_one_command_is_read_again(
    own_photos: Path, tmp_path: Path, small: DescriptorConfig
) -> None:
    run, folder = Run(str(tmp_path / "run")), tmp_path / "link"
    shutil.move(own_photos / "odd", tmp_path / "away")
    folder.mkdir()
    for number in (1, 3):
        (folder / f"{number}.png").symlink_to(own_photos / "odd" / f"0{number}.png")
    (folder / "0.png").symlink_to(own_photos / "copy0.png")
    failures = FailureConfig(max_failure_rate=1)
    assert extract(str(folder), run.url, small, COMPUTE, failures).failed == 2
    shutil.move(tmp_path / "away", own_photos / "odd")
    assert extract(str(folder), run.url, small, COMPUTE, failures).described == 3
