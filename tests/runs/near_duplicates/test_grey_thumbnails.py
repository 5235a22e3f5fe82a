from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from osrmac.retrieval.picture_agreement import SIDE
from osrmac.runs.near_duplicates.grey_thumbnails import grey_thumbnail, picture_agreements, read_images
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": {"a": [0]}})


@pytest.fixture
def photographs(tmp_path: Path) -> list[str]:
    """A photograph, a smaller copy, another photograph, a damaged file and a missing one."""
    image = Image.fromarray(data.astronaut())
    image.save(tmp_path / "large.jpg", quality=95)
    image.resize((300, 300)).save(tmp_path / "small.jpg", quality=60)
    Image.fromarray(data.coffee()).save(tmp_path / "other.jpg")
    (tmp_path / "damaged.jpg").write_bytes(b"no image")
    names = ("large.jpg", "small.jpg", "other.jpg", "damaged.jpg", "missing.jpg")
    return [str(tmp_path / name) for name in names]


def test_copies_agree_and_unreadable_images_are_unknown(run: Run, photographs: list[str]) -> None:
    pairs = np.array([[0, 1], [1, 2], [0, 3], [4, 2]])
    found = picture_agreements([(run, uri) for uri in photographs], pairs)
    assert found[0] > 0.9
    assert found[1] == 0
    assert np.isnan(found[2:]).all()
    assert picture_agreements([], np.empty((0, 2), np.int64)).shape == (0,)


def test_images_are_read_in_order(run: Run, photographs: list[str]) -> None:
    large, small, *_, damaged, missing = read_images(run, photographs)
    assert large is not None
    assert small is not None
    assert (large.size, small.size) == ((512, 512), (300, 300))
    assert damaged is missing is None


def test_a_thumbnail_is_grey_and_square() -> None:
    found = grey_thumbnail(Image.new("RGB", (10, 900), "white"))
    assert found.shape == (SIDE, SIDE)
    assert found.dtype == np.uint8
    assert (found == 255).all()
