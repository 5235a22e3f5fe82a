"""Sequence parameter sets of HEVC."""

import pytest

from osrmac.descriptor.decoding.hevc import PictureSize, configured_units, picture_size, units
from tests.heif import NO_ENCODER, can_encode, configuration, parameter_set


@pytest.mark.parametrize(
    ("chroma", "depth", "per_pixel"), [(0, 8, 1), (1, 8, 1.5), (2, 8, 2), (3, 8, 3), (1, 10, 3), (3, 12, 6)]
)
@pytest.mark.parametrize("sub_layers", [0, 2, 6])
def test_the_size_is_read(chroma: int, depth: int, per_pixel: float, sub_layers: int) -> None:
    unit = memoryview(parameter_set(1000, 65_000, chroma, depth, sub_layers))

    pixels = 1024 * 65_024  # whole blocks

    assert picture_size(unit) == PictureSize(pixels, int(pixels * per_pixel))


@pytest.mark.parametrize("unit", [b"", b"\x42", b"\x40\1" + b"\xff" * 9, parameter_set(0, 64)])
def test_other_units_have_no_size(unit: bytes) -> None:
    assert picture_size(memoryview(unit)) is None


@pytest.mark.parametrize("length", range(3, 24))
def test_a_truncated_set_is_read_as_if_zeros_followed(length: int) -> None:
    size = picture_size(memoryview(parameter_set(1000, 1000)[:length]))

    assert size is None or size.pixels > 0


def test_units_follow_their_lengths() -> None:
    stream = b"\0\0\0\2ab" + b"\0\0\0\0" + b"\0\0\0\1c" + b"\xff\xff\xff\xffrest"

    assert [bytes(unit) for unit in units(memoryview(stream))] == [b"ab", b"", b"c", b"rest"]


@pytest.mark.skipif(not can_encode(), reason=NO_ENCODER)
def test_a_configuration_has_the_set_of_its_encoder() -> None:
    content = memoryview(configuration(100))[8:]

    assert [size for unit in configured_units(content) if (size := picture_size(unit))] == [PictureSize(16384, 24576)]
    for length in range(len(content)):
        list(configured_units(content[:length]))
