"""Decoding of JPEG files at a reduced size."""

import numpy as np
import pytest
from PIL import Image

from osrmac.descriptor import images
from osrmac.descriptor.images import DecodeError
from tests.pictures import MANY, STORED, encoded, photograph, smooth


@pytest.mark.parametrize(
    ("size", "longest", "reduced"),
    [
        ((400, 300), 100, (100, 75)),
        ((400, 300), 101, (200, 150)),
        ((403, 301), 200, (202, 151)),
        ((300, 402), 201, (150, 201)),
        ((400, 300), 201, (400, 300)),
        ((400, 300), 10, (50, 38)),
        ((400, 2), 100, (200, 1)),
    ],
)
@pytest.mark.parametrize("orientation", STORED)
def test_a_large_jpeg_is_reduced_to_no_less_than_the_minimum(
    size: tuple[int, int], longest: int, reduced: tuple[int, int], orientation: int
) -> None:
    upright = np.asarray(smooth(*size[::-1]))

    jpeg = photograph(upright, orientation, "JPEG")

    image, full_size = images.decode(jpeg, max_pixels=MANY, min_longest_side=longest)

    assert full_size == size
    assert image.size == reduced
    if min(reduced) > 1:
        expected = Image.fromarray(upright).resize(reduced, Image.Resampling.BOX)
        np.testing.assert_allclose(np.asarray(image), np.asarray(expected), atol=12)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_other_formats_are_not_reduced(kind: str) -> None:
    image, full_size = images.decode(encoded(smooth(60, 80), kind), max_pixels=MANY, min_longest_side=10)

    assert image.size == full_size == (80, 60)


def test_max_pixels_applies_to_the_full_size() -> None:
    with pytest.raises(DecodeError, match=r"^400x300 pixels are over the limit of 119999$"):
        images.decode(encoded(smooth(300, 400), "JPEG"), max_pixels=119_999, min_longest_side=10)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_are_reduced(mode: str) -> None:
    jpeg = encoded(smooth(300, 400).convert(mode), "JPEG")

    image, _ = images.decode(jpeg, max_pixels=MANY, min_longest_side=100)

    assert (image.mode, image.size) == ("RGB", (100, 75))
