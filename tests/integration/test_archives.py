"""Runs of images in tar archives and in Parquet files, from extraction to pages and pruning."""

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from osrmac.commands.duplicates import duplicates
from osrmac.commands.extract import extract
from osrmac.commands.prune import prune
from osrmac.commands.search import search
from osrmac.commands.verify import verify
from osrmac.config import ComputeConfig, DescriptorConfig, DuplicatesConfig, PruneConfig
from osrmac.pages.thumbnails import NO_THUMBNAIL, thumbnails
from osrmac.server.pictures import Pictures
from osrmac.storage import shards
from osrmac.storage.listing.tar_members import TarMembers, read_members
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run
from tests.archives import hugging_face_file, tar_bytes
from tests.committed import rows

pytestmark = pytest.mark.integration

COMPUTE = ComputeConfig(workers=1, shard_rows=4)
IN_TAR, IN_PARQUET = 8, 8


@pytest.fixture
def mixed(tmp_path: Path, make_picture: Callable[[int], bytes]) -> Path:
    """Folder with 8 pictures in an archive, 8 in a Parquet file, and a copy of one beside them."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    members = {f"x/{number}.png": make_picture(number) for number in range(IN_TAR)}
    (folder / "a.tar").write_bytes(tar_bytes(members | {"x/0.json": b"{}"}))
    images = [make_picture(20 + number) for number in range(IN_PARQUET)]
    hugging_face_file(folder / "b.parquet", images, [None] * IN_PARQUET, group=3)
    (folder / "copy.png").write_bytes(make_picture(3))
    return folder


@pytest.mark.usefixtures("local_ray")
def test_images_within_files_are_described_found_shown_and_removed(
    mixed: Path, tmp_path: Path, small: DescriptorConfig, make_picture: Callable[[int], bytes]
) -> None:
    run = Run(str(tmp_path / "run"))
    done = extract(str(mixed), run.url, small, COMPUTE)
    assert (done.described, done.failed, done.skipped) == (IN_TAR + IN_PARQUET + 1, 0, {".json": 1})
    found = rows(run.descriptors)
    of_file, of_member = (found[name] | {"id": "", "uri": ""} for name in ("copy.png", "a.tar/x/3.png"))
    assert of_file == of_member

    (result,) = search(run.url, ["a.tar/x/3.png"])
    assert {match.id for match in result.matches[:2]} == {"a.tar/x/3.png", "copy.png"}
    uris = [row["uri"] for row in found.values()]
    shown = list(thumbnails(run, [(uri, None) for uri in uris], 64))
    assert NO_THUMBNAIL not in shown
    assert [bool(each.link) for each in shown] == ["://" not in uri for uri in uris]
    pictures = Pictures(run)
    assert all(pictures.of_image(uri, "small", "1") for uri in uris)
    groups = duplicates(run.url, DuplicatesConfig(threshold=0.01)).groups
    assert {frozenset(image.id for image in group) for group in groups} == {frozenset({"a.tar/x/3.png", "copy.png"})}
    assert list(verify(run.url)) == []

    listed = tmp_path / "remove.txt"
    listed.write_text("a.tar/x/5.png\nb.parquet/000000002\n")
    assert prune(run.url, PruneConfig(remove=str(listed), yes=True)).images == 2
    again = extract(str(mixed), run.url, small, COMPUTE)
    assert again.changes == Changes(0, 0, 0, 0, pruned=2)
    stored = [file.read_bytes() for file in map(Path, Path(run.url).rglob("*")) if file.is_file()]
    assert not any(b"x/5.png" in content for content in stored)
    assert shards.paths(run.archives) == []


@pytest.mark.usefixtures("local_ray")
def test_an_archive_that_grows_is_read_again_and_others_are_not(
    tmp_path: Path, small: DescriptorConfig, make_picture: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = tmp_path / "tars", Run(str(tmp_path / "run"))
    folder.mkdir()
    for name in ("1", "2"):
        (folder / f"{name}.tar").write_bytes(tar_bytes({"a.png": make_picture(1), "b.png": make_picture(2)}))
    assert extract(str(folder), run.url, small, COMPUTE).new == 4
    read: list[str] = []

    def recording(file: BinaryIO) -> TarMembers:
        read.append(file.name)
        return read_members(file)

    monkeypatch.setattr("osrmac.storage.listing.archives.read_members", recording)
    assert extract(str(folder), run.url, small, COMPUTE).new == 0
    assert read == []
    with tarfile.open(folder / "2.tar", "a") as archive:
        (tmp_path / "c.png").write_bytes(make_picture(3))
        archive.add(tmp_path / "c.png", "c.png")
    grown = extract(str(folder), run.url, small, COMPUTE)
    assert (grown.changes, grown.new) == (Changes(new=1, changed=2, removed=0), 3)
    assert [Path(name).name for name in read] == ["2.tar"]
    folder.rename(tmp_path / "moved")
    moved = extract(str(tmp_path / "moved"), run.url, small, COMPUTE)
    assert (moved.changes, moved.new) == (Changes(0, 0, 0, moved=5), 0)
