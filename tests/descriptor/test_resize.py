"""Resizing: sizes against exact arithmetic, pixels against Pillow."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from osrmac.descriptor.resize import image_pyramid, scaled_size
from tests.pictures import noise, smooth

sides = st.integers(1, 30_000)


@given(width=sides, height=sides, longest=st.integers(1, 4000))
def test_scaled_size_sets_the_longest_side_and_rounds_the_other(width: int, height: int, longest: int) -> None:
    scaled = scaled_size(width, height, longest)

    shorter = Fraction(min(width, height) * longest, max(width, height))
    assert max(scaled) == longest
    assert min(scaled) == 1 or abs(min(scaled) - shorter) <= Fraction(1, 2)
    assert (scaled[0] < scaled[1]) <= (width < height)
    assert scaled_size(height, width, longest) == scaled[::-1]


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [
        ((1024, 768), 1050, (1050, 788)),
        ((768, 1024), 800, (600, 800)),
        ((333, 500), 550, (366, 550)),
        ((1, 20_000), 1050, (1, 1050)),
        ((1, 1), 550, (550, 550)),
    ],
)
def test_scaled_size_of_common_images(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    assert scaled_size(*size, longest) == expected


@pytest.mark.parametrize("longest", [1, 7, 30, 60, 61, 62, 100, 250])
@pytest.mark.parametrize("size", [(61, 37), (37, 61), (61, 1), (1, 61)])
def test_resize_agrees_with_pillow_within_one_level(size: tuple[int, int], longest: int) -> None:
    image = Image.fromarray(noise(size[1], size[0]))

    (pixels,) = image_pyramid(image, [longest])

    expected = np.asarray(image.resize(scaled_size(*size, longest), Image.Resampling.BILINEAR))
    assert pixels.numpy().dtype == np.uint8
    np.testing.assert_allclose(pixels.numpy().transpose(1, 2, 0).astype(int), expected, atol=1)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 1100), st.sampled_from([14, 16]))
def test_sides_are_rounded_to_the_nearest_multiple(width: int, height: int, longest: int, multiple: int) -> None:
    scaled = scaled_size(width, height, longest, multiple)

    for side, of_image in zip(scaled, (width, height), strict=True):
        exact = of_image * longest / max(width, height)
        assert side % multiple == 0
        assert side == multiple or abs(side - exact) <= multiple / 2 + 1e-6
        assert side >= multiple


def test_an_image_is_resized_once_to_the_rounded_size() -> None:
    image = smooth(40, 90)
    (pixels,) = image_pyramid(image, [50], multiple=16)

    expected = np.asarray(image.resize((48, 16), Image.Resampling.BILINEAR))
    assert np.abs(pixels.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def test_image_pyramid_resizes_each_level_from_the_image() -> None:
    image = smooth(60, 90)

    for pixels, longest in zip(image_pyramid(image, (80, 40, 20)), (80, 40, 20), strict=True):
        np.testing.assert_array_equal(pixels, image_pyramid(image, [longest])[0])
