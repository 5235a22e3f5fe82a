"""Suffixes of images, with and without the extra for HEIF."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from osrmac.errors import StorageError
from osrmac.storage.listing import suffixes
from tests.lists import ids, plan


@pytest.fixture(params=[True, False], ids=["with the extra", "without it"])
def extra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    monkeypatch.setattr(suffixes, "find_spec", lambda _: request.param or None)
    suffixes.image_suffixes.cache_clear()
    yield request.param
    suffixes.image_suffixes.cache_clear()


def test_heic_is_listed_where_it_can_be_read_and_named_otherwise(extra: bool, tmp_path: Path) -> None:
    (tmp_path / "IMG_1.HEIC").touch()
    if extra:
        assert ids(plan(str(tmp_path))) == ["IMG_1.HEIC"]
    else:
        with pytest.raises(StorageError, match=r"^no images in .*: 1 \.heic \(pip install 'osrmac\[heif\]'\)$"):
            plan(str(tmp_path))


def test_suffixes_are_sorted_and_in_lower_case(extra: bool) -> None:
    found = suffixes.image_suffixes()
    assert list(found) == sorted({suffix.lower() for suffix in found})
    assert (".heic" in found) == extra
    assert suffixes.is_image_name("photos/A.JPG")
    assert not suffixes.is_image_name("photos.jpg/notes.txt")
