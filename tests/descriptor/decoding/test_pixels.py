"""Conversion to RGB: bit for bit that of whole images, and hand-computed cases of wide grey pixels."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from osrmac.descriptor.decoding import pixels
from osrmac.descriptor.decoding.pixels import WideGrey, to_array, to_rgb, to_tensor
from tests.pictures import noise, palette

ORDINARY = WideGrey()
SIZES = [(1, 1), (40, 24), (1, 200), (200, 1), (37, 53)]


def whole(image: Image.Image) -> Image.Image:
    """The conversion of an image in one piece."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        wide = np.asarray(image).clip(0, 65535)
        return Image.fromarray((wide >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def samples(mode: str, width: int, height: int) -> Image.Image:
    """An image of random pixels in any mode."""
    rgba = Image.fromarray(noise(height, width, 4))
    if mode.startswith("I;16"):
        dtype = ">u2" if mode.endswith("B") else "<u2"
        return Image.frombytes(mode, (width, height), noise(height, width, 2).view(dtype).tobytes())
    if mode == "I":
        return Image.fromarray(noise(height, width, 4).view(np.int32)[..., 0])
    if mode in {"P", "PA"}:
        indices = palette(noise(height, width)[..., 0] % 3)
        return indices if mode == "P" else indices.convert("PA")
    return rgba.convert(mode) if mode != "LAB" else Image.merge("LAB", rgba.convert("RGB").split())


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_BLOCK", 64)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "I;16B"]
)
def test_blocks_are_converted_as_the_whole_image(mode: str, size: tuple[int, int]) -> None:
    image = samples(mode, *size)

    converted = to_rgb(image)

    assert converted.mode == "RGB"
    assert converted.tobytes() == whole(image).tobytes()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("mode", "transparency"), [("L", 7), ("RGB", (1, 2, 3)), ("P", 1), ("P", bytes([255, 0, 51])), ("1", 255)]
)
def test_transparent_colors_are_composited_as_in_the_whole_image(mode: str, transparency: object) -> None:
    image = samples(mode, 40, 24)
    colors: dict[str, int | tuple[int, ...]] = {"L": 7, "RGB": (1, 2, 3), "P": 1, "1": 255}
    image.putpixel((3, 2), colors[mode])
    image.info["transparency"] = transparency

    converted = to_rgb(image)

    assert converted.tobytes() == whole(image).tobytes()
    assert converted.getpixel((3, 2)) == (255, 255, 255)


def test_an_opaque_rgb_image_is_not_copied() -> None:
    image = samples("RGB", 40, 24)

    assert to_rgb(image) is image


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("size", SIZES)
def test_an_array_has_the_pixels_of_the_image(size: tuple[int, int]) -> None:
    image = samples("RGB", *size)

    array = to_array(image)

    np.testing.assert_array_equal(array, np.asarray(image))
    assert array.flags.writeable
    assert array.flags.c_contiguous


@pytest.mark.parametrize("size", SIZES)
def test_a_tensor_shares_the_pixels_of_the_image(size: tuple[int, int]) -> None:
    image = samples("RGB", *size)

    tensor = to_tensor(image)
    expected = np.asarray(image)
    image.putpixel((0, 0), (1, 2, 3))

    assert tensor.shape == (*expected.shape[:2], 4)
    assert tensor[0, 0, :3].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(tensor[1:, :, :3], expected[1:])
    del image
    np.testing.assert_array_equal(tensor[1:, :, :3], expected[1:])


def test_a_tensor_of_an_image_in_several_pieces_of_memory_is_a_copy() -> None:
    image = samples("RGB", 2400, 1800)

    np.testing.assert_array_equal(to_tensor(image), np.asarray(image))


def grey(values: list[int], mode: str, properties: WideGrey = ORDINARY, **info: int) -> list[int]:
    """The grey levels of an image of one row."""
    array: NDArray[np.generic] = np.array([values], np.uint32 if mode == "I" else np.uint16)
    image = Image.fromarray(array.view(np.int32) if mode == "I" else array)
    image.info.update(info)
    converted = np.asarray(to_rgb(image, properties))
    np.testing.assert_array_equal(converted, converted[..., :1].repeat(3, axis=-1))
    return [int(level) for level in converted[0, :, 0]]


def test_zero_is_white_where_the_file_says_so() -> None:
    values = [0, 255, 256, 0x1234, 65535]

    assert grey(values, "I;16") == [0, 0, 1, 0x12, 255]
    assert grey(values, "I;16", WideGrey(is_inverted=True)) == [255, 255, 254, 0xED, 0]


def test_unsigned_pixels_of_32_bits_are_not_negative() -> None:
    values = [0, 0x1234, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1]

    assert grey(values, "I", WideGrey(is_unsigned=True)) == [0, 0x12, 255, 255, 255, 255, 255]
    assert grey(values, "I") == [0, 0x12, 255, 255, 255, 0, 0]


def test_a_transparent_grey_of_16_bits_is_white() -> None:
    assert grey([0, 0x1234, 0x1235, 65535], "I;16", transparency=0x1234) == [0, 255, 0x12, 255]
