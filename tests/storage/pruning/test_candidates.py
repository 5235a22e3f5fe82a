from pathlib import Path

import pytest

from osrmac.errors import ConfigError, StorageError
from osrmac.storage import manifest
from osrmac.storage.listing.collection import listing
from osrmac.storage.location import Location
from osrmac.storage.pruning.candidates import NamedImages, candidates, gone_images

NAMES = [f"{number:02d}.jpg" for number in range(10)]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for name in NAMES:
        (tmp_path / "photos" / name).touch()
    return tmp_path / "photos"


@pytest.fixture
def planned(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Location:
    """A manifest of two parts, with shards of two images."""
    monkeypatch.setattr(manifest, "_PART_ROWS", 6)
    folder = Location.of(tmp_path / "manifest")
    manifest.update(folder, Location.of(tmp_path / "descriptors"), listing(Location.of(photos)), manifest.shards_of(2))
    return folder


def named(planned: Location, *names: str) -> NamedImages:
    return NamedImages([[name] for name in names], planned / "removed")


def test_gone_images_are_found_with_their_rows(photos: Path, planned: Location) -> None:
    for name in ("00.jpg", "08.jpg", "09.jpg"):
        (photos / name).unlink()
    with candidates(planned, gone_images(planned, listing(Location.of(photos)), allow_many=True)) as found:
        assert (found.images, found.shards) == (3, 2)
        assert found.ids() == ("00.jpg", "08.jpg", "09.jpg")
        (first, one), (second, two) = found.parts()
        assert (first, second) == ("part-00000.parquet", "part-00001.parquet")
        assert one["uri"].to_pylist() == [str(photos / "00.jpg")]
        assert len(set(two["shard"].to_pylist())) == 1


def test_a_tenth_may_be_gone_and_no_more(photos: Path, planned: Location) -> None:
    (photos / "00.jpg").unlink()
    assert len(list(gone_images(planned, listing(Location.of(photos)), allow_many=False))) == 1
    (photos / "01.jpg").unlink()
    with pytest.raises(ConfigError, match=r"^2 of 10 images are gone, more than a tenth"):
        list(gone_images(planned, listing(Location.of(photos)), allow_many=False))


def test_images_under_other_ids_are_not_gone(photos: Path, planned: Location, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,uri\n" + "".join(f"x{name},{photos / name}\n" for name in NAMES))
    with pytest.raises(StorageError, match="10 images of the run are listed under another id"):
        list(gone_images(planned, listing(Location.of(tmp_path / "list.csv")), allow_many=True))


def test_images_are_named_by_id_uri_or_url_with_credentials(photos: Path, planned: Location) -> None:
    images = named(planned, "03.jpg", str(photos / "04.jpg"), "03.jpg")
    with candidates(planned, images.find(planned)) as found:
        assert found.ids() == ("03.jpg", "04.jpg")
    assert images.already == 0


def test_unknown_names_are_counted(planned: Location) -> None:
    images = named(planned, "03.jpg", "99.jpg", "98.jpg")
    with pytest.raises(ConfigError, match=r"^2 names in the list are of no image of the run, first '98.jpg'"):
        list(images.find(planned))
