"""`osrmac prune` on a bucket that denies requests, and whose network fails."""

from collections.abc import Callable
from pathlib import Path

import pytest
import s3fs

from osrmac.commands.prune import prune
from osrmac.config import CollectionConfig, PruneConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.storage import manifest
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.run import Run
from tests.committed import rows
from tests.prunable_run import IMAGES, problems, prunable_run

from .proxy import TRANSIENT, Fault, Proxy, Rule

GONE = [IMAGES[0], *IMAGES[2:4], *IMAGES[16:]]


@pytest.fixture
def run(bucket: str, direct: s3fs.S3FileSystem, tmp_path: Path) -> Run:
    """A run in the bucket, of a collection in the bucket, from which some images are gone."""
    local, images = prunable_run(tmp_path), f"s3://{bucket}/photos"
    direct.put(local.url, f"{bucket}/run", recursive=True)
    direct.put(str(tmp_path / "photos"), f"{bucket}/photos", recursive=True)
    run, moved = Run(f"s3://{bucket}/run"), CollectionConfig(moved=True, trust_size=True)
    manifest.update(run.manifest, run.descriptors, listing(Location.of(images)), manifest.shards_of(2), moved)
    (run.location / "run.json").write_json(run.record() | {"images": images})
    return run


@pytest.fixture
def lose(bucket: str, direct: s3fs.S3FileSystem) -> Callable[[list[str]], None]:
    def lose(names: list[str]) -> None:
        for name in names:
            direct.rm_file(f"{bucket}/photos/{name}")

    return lose


@pytest.mark.parametrize(("fault", "message"), [(Fault.FORBIDDEN, "PermissionError"), (Fault.MISSING, "no folder")])
def test_a_collection_that_cannot_be_listed_is_refused(fault: Fault, message: str, run: Run, proxy: Proxy) -> None:
    proxy.rules = [Rule([fault], operations=["LIST"], key="/photos")]
    with pytest.raises(StorageError, match=message) as caught:
        prune(run.url, PruneConfig(yes=True, allow_many=True))
    assert "nothing is removed" in str(caught.value)
    assert "\n" not in str(caught.value)
    proxy.forget()
    assert len(rows(run.descriptors)) == 20
    assert not run.location.files("lock.json")


def test_an_emptied_prefix_and_more_than_a_tenth_gone_are_refused(run: Run, lose: Callable[[list[str]], None]) -> None:
    lose(GONE)
    with pytest.raises(ConfigError, match="7 of 20 images are gone, more than a tenth"):
        prune(run.url, PruneConfig(yes=True))
    lose([name for name in IMAGES if name not in GONE])
    with pytest.raises(StorageError, match="nothing is removed"):
        prune(run.url, PruneConfig(yes=True, allow_many=True))
    assert len(rows(run.descriptors)) == 20


@pytest.mark.timeout(300)
def test_images_are_removed_though_a_fifth_of_all_requests_fail(
    run: Run, proxy: Proxy, direct: s3fs.S3FileSystem, bucket: str, lose: Callable[[list[str]], None]
) -> None:
    lose(GONE)
    before = rows(run.descriptors)
    proxy.rules = [Rule(TRANSIENT, rate=0.2)]
    assert prune(run.url, PruneConfig(yes=True, allow_many=True)).images == 7
    assert sum(proxy.faults().values()) > 10
    proxy.forget()
    assert rows(run.descriptors) == {name: row for name, row in before.items() if name not in GONE}
    assert problems(run) == []
    assert not direct.find(f"{bucket}/run/prune")
    assert not [key for key in direct.find(f"{bucket}/run") if b"even/00.png" in direct.cat_file(key)]
