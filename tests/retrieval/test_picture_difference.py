"""Differences of edited photographs."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from osrmac.retrieval.picture_difference import AMPLIFICATION, picture_difference

OUTSIDE = (40, 70, 140)


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(data.astronaut()).convert("L").resize((240, 320))


def difference(left: Image.Image, right: Image.Image) -> np.ndarray:
    found = picture_difference(np.asarray(left), np.asarray(right))
    assert found is not None
    assert found.shape == (left.height, left.width, 3)
    return found


def test_equal_pictures_differ_nowhere(photograph: Image.Image) -> None:
    assert difference(photograph, photograph).max() <= AMPLIFICATION


def test_brightness_size_and_mirroring_make_no_difference(photograph: Image.Image) -> None:
    changed = ImageOps.mirror(photograph.point(lambda value: 0.7 * value + 20)).resize((200, 260))
    assert np.median(difference(photograph, changed)) < 8 * AMPLIFICATION


def test_a_change_is_bright_where_it_is(photograph: Image.Image) -> None:
    changed = photograph.copy()
    changed.paste(255, (100, 140, 140, 160))
    found = difference(photograph, changed)[..., 0].astype(float)
    assert found[145:155, 105:135].mean() > 10 * np.median(found)


def test_what_was_cropped_is_blue(photograph: Image.Image) -> None:
    found = difference(photograph, photograph.crop((30, 0, 240, 320)))
    outside = (found == OUTSIDE).all(2)
    assert outside[:, :25].mean() > 0.95
    assert not outside[:, 40:].any()


def test_other_pictures_have_no_difference(photograph: Image.Image) -> None:
    other = Image.fromarray(data.coffee()).convert("L")
    assert picture_difference(np.asarray(photograph), np.asarray(other)) is None
