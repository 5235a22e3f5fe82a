"""Memory of AVIF decoding, from the sequence headers of its AV1 streams."""

import pytest
from PIL import Image, features

from osrmac.descriptor.decoding.avif import decoder_memory
from tests.bombs import avif
from tests.pictures import encoded, smooth

pytestmark = pytest.mark.skipif(not features.check("avif"), reason="Pillow was built without AVIF")


def planes(width: int, height: int, per_pixel: float) -> int:
    """Two copies of planes that are padded to multiples of 128 pixels."""
    return int(2 * per_pixel * -(-width // 128) * 128 * -(-height // 128) * 128)


@pytest.mark.parametrize(("subsampling", "per_pixel"), [("4:2:0", 1.5), ("4:4:4", 3), ("4:2:2", 3)])
@pytest.mark.parametrize("size", [(1, 1), (300, 129), (128, 1000)])
def test_the_size_and_profile_of_the_stream_count(subsampling: str, per_pixel: float, size: tuple[int, int]) -> None:
    file = encoded(smooth(*size[::-1]), "AVIF", subsampling=subsampling)

    assert decoder_memory(file) == planes(*size, per_pixel)


def test_transparency_is_a_stream_of_its_own() -> None:
    file = encoded(Image.new("RGBA", (300, 200), (1, 2, 3, 4)), "AVIF", subsampling="4:4:4")

    assert decoder_memory(file) == planes(300, 200, 3) + planes(300, 200, 1.5)


def test_the_size_in_the_container_does_not_count() -> None:
    assert decoder_memory(avif(16_384, 8192)) == planes(16_384, 8192, 6)


def test_a_sequence_may_have_frames_of_any_size_that_its_header_can_express() -> None:
    frames = [Image.new("RGB", (300, 200), color) for color in ("red", "blue")]
    file = encoded(frames[0], "AVIF", save_all=True, append_images=frames[1:])

    memory = decoder_memory(file)

    assert memory is not None
    assert memory % planes(512, 256, 3) == 0


@pytest.mark.parametrize("length", [0, 9, 99, 200])
def test_without_a_sequence_header_nothing_is_known(length: int) -> None:
    file = encoded(smooth(20, 30), "AVIF")

    assert length < file.index(b"mdat")
    assert decoder_memory(file[:length]) is None


def test_a_stream_of_too_many_units_is_not_searched() -> None:
    file = encoded(smooth(20, 30), "AVIF")
    start = file.index(b"mdat") + 4

    endless = file[:start] + bytes([0x12, 0]) * 200_000

    assert decoder_memory(endless.replace(b"\0\0\0\x08mdat", b"\0\0\0\0mdat")) is None
