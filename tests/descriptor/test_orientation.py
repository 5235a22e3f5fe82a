"""EXIF orientation, in files of several formats."""

import numpy as np
import pytest
from PIL import ExifTags, Image

from osrmac.descriptor import images
from tests.pictures import MANY, STORED, decode, encoded, noise, photograph, smooth


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    upright = noise(5, 8)

    image, size = images.decode(photograph(upright, orientation, kind), max_pixels=MANY)

    np.testing.assert_array_equal(np.asarray(image), upright)
    assert image.size == size == (8, 5)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_can_be_ignored(orientation: int, kind: str) -> None:
    upright = noise(5, 8)

    image, size = images.decode(photograph(upright, orientation, kind), max_pixels=MANY, exif_orientation=False)

    np.testing.assert_array_equal(np.asarray(image), STORED[orientation](upright))
    assert image.size == size


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_of_a_jpeg_is_applied(orientation: int) -> None:
    upright = np.asarray(smooth(24, 40))

    np.testing.assert_allclose(decode(photograph(upright, orientation, "JPEG")), upright, atol=12)


@pytest.mark.parametrize("exif", [b"Exif\0\0no such header", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12", b"\0"])
def test_damaged_exif_data_are_ignored(exif: bytes) -> None:
    image = smooth(24, 40)

    np.testing.assert_allclose(decode(encoded(image, "JPEG", exif=exif)), np.asarray(image), atol=12)


def test_exif_data_that_cannot_be_rewritten_still_orient_the_image() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.XResolution] = 6, 72.0
    rational, text = b"\x01\x1a\0\x05", b"\x01\x1a\0\x02"  # the tag and the declared type of its value
    mistyped = exif.tobytes().replace(rational, text)
    upright = np.asarray(smooth(24, 40))
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](upright)))

    np.testing.assert_allclose(decode(encoded(stored, "JPEG", exif=mistyped, quality=95)), upright, atol=12)
    assert mistyped != exif.tobytes()
