"""Estimates of memory: for each format against hand-computed cases."""

import io

import pytest
from PIL import Image

from osrmac.descriptor.decoding.memory import decoding_memory
from osrmac.descriptor.decoding.pillow_settings import pillow_settings
from tests.bombs import bombs, webp
from tests.heif import NO_ENCODER, can_encode
from tests.pictures import encoded, png

ROW = 8
"""Bytes that Pillow adds to each row."""


def memory(file: bytes, scale: int = 1) -> int | None:
    with pillow_settings(10**9, allow_truncated=False), Image.open(io.BytesIO(file)) as image:
        size = image.size
        image.draft(image.mode, (size[0] // scale, size[1] // scale))
        return decoding_memory(image, file, size, image.size)


def stored(width: int, height: int, pixel: int) -> int:
    """Bytes of an image in Pillow, turned by 90 degrees if that takes more."""
    return max(height * (-(-width * pixel // 4) * 4 + ROW), width * (-(-height * pixel // 4) * 4 + ROW))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PCX", "TGA", "PPM", "SGI", "JPEG"])
def test_images_of_rows_take_two_copies_while_they_are_turned(kind: str) -> None:
    assert memory(encoded(Image.new("RGB", (400, 200)), kind)) == 2 * stored(400, 200, 4)


@pytest.mark.parametrize("mode", ["1", "L", "I;16"])
def test_smaller_pixels_are_converted_to_rgb_and_copied(mode: str) -> None:
    assert memory(encoded(Image.new(mode, (400, 200)))) == stored(400, 200, 4) + 3 * 400 * 200


def test_rows_of_one_pixel_are_padded() -> None:
    assert memory(png(1, 10_000, 8, 0, b"")) == 2 * 10_000 * (4 + ROW)


def test_webp_has_canvases() -> None:
    file = webp(400, 200)

    assert memory(file) == 13 * 400 * 200 + 2 * len(file) + stored(400, 200, 4)


@pytest.mark.parametrize("scale", [1, 8])
def test_a_progressive_jpeg_has_coefficients_at_full_size(scale: int) -> None:
    file = encoded(Image.new("RGB", (1600, 800)), "JPEG", progressive=True, subsampling=0)

    decoded = stored(1600 // scale, 800 // scale, 4)

    assert memory(file, scale) == max(2 * decoded, 6 * 1600 * 800 + decoded)


def test_decoders_in_python_copy_the_samples() -> None:
    assert memory(encoded(Image.new("RGB", (400, 200)), "QOI")) == 4 * stored(400, 200, 4)


def test_an_avif_whose_pixels_are_hidden_is_unknown() -> None:
    file = encoded(Image.new("RGB", (40, 20)), "AVIF")
    start = file.index(b"mdat") + 4

    assert memory(file[:start] + bytes(len(file) - start)) is None


@pytest.mark.skipif(not can_encode(), reason=NO_ENCODER)
@pytest.mark.parametrize(
    ("mode", "subsampling", "decoder"), [("RGB", "4:2:0", 5), ("RGB", "4:4:4", 8), ("RGBA", "4:2:0", 7)]
)
def test_a_heif_has_two_copies_of_its_planes_and_data_of_its_blocks(mode: str, subsampling: str, decoder: int) -> None:
    file = encoded(Image.new(mode, (448, 192)), "HEIF", subsampling=subsampling)

    assert memory(file) == decoder * 448 * 192 + len(file) + stored(448, 192, 4)


def test_large_ordinary_images_take_less_than_ten_bytes_per_pixel() -> None:
    size = 13_377, 13_377
    header = png(*size, 8, 6, b"")  # RGBA

    needed = memory(header)

    assert needed is not None
    assert needed < 8.01 * size[0] * size[1]


def test_bombs_take_gigabytes() -> None:
    others = (
        "a PNG of 300 megapixels in IPTC",
        "a FITS file to decompress",
        "a TIFF of a million strips",
        "a HEIF of 961 tiles",
    )

    needed = {name: memory(file) or 0 for name, file in bombs().items() if name not in others}

    assert min(needed.values()) > 2e9
