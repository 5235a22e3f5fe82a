"""Decoding of synthetic images in every pixel format and orientation, refusals, and cropping."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from osrmac.config import DescriptorConfig
from osrmac.descriptor import images
from osrmac.descriptor.decoding.jpeg2000 import decoder_memory
from osrmac.descriptor.images import DecodeError, crop, jpeg_size
from osrmac.types import Box
from tests.bombs import bombs, webp
from tests.pictures import MANY, Bytes, decode, encoded, noise, palette, png, smooth, with_scans
from tests.zoo import LIMIT, zoo

DEFAULT_LIMIT = DescriptorConfig().max_pixels
PHOTOMETRIC, SAMPLE_FORMAT = 262, 339


# Pixel formats


def test_rgb_is_unchanged() -> None:
    pixels = noise(5, 8)

    np.testing.assert_array_equal(decode(encoded(Image.fromarray(pixels))), pixels)


def test_grey_is_repeated_in_every_channel() -> None:
    grey = noise(5, 8)[..., 0]

    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey))), np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_one_bit_pixels_are_black_and_white(kind: str) -> None:
    white = noise(5, 9)[..., 0] > 127

    decoded = decode(encoded(Image.fromarray(white), kind))

    np.testing.assert_array_equal(decoded, np.where(white[..., None], 255, 0).repeat(3, axis=-1))


def test_cmyk_jpeg_is_converted() -> None:
    corners = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 128)]
    for ink in corners:
        decoded = decode(encoded(Image.new("CMYK", (16, 16), ink), "JPEG", quality=95))

        expected = [(255 - colour) * (255 - ink[3]) / 255 for colour in ink[:3]]
        np.testing.assert_allclose(decoded, np.broadcast_to(expected, decoded.shape), atol=4)


def test_palette_indices_become_colours() -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
    colours = np.array([[255, 0, 0], [0, 255, 0], [10, 20, 30]])

    np.testing.assert_array_equal(decode(encoded(palette(indices))), colours[indices])


@pytest.mark.parametrize(
    ("transparency", "colours"),
    [
        (1, [[255, 0, 0], [255, 255, 255], [10, 20, 30]]),
        (bytes([255, 0, 51]), [[255, 0, 0], [255, 255, 255], [206, 208, 210]]),
    ],
    ids=["one colour", "alpha per colour"],
)
def test_transparent_palette_colours_are_composited_over_white(
    transparency: int | bytes, colours: list[list[int]]
) -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)

    decoded = decode(encoded(palette(indices), transparency=transparency))

    np.testing.assert_allclose(decoded, np.array(colours)[indices], atol=1)


def over_white(colours: Bytes, alpha: Bytes) -> NDArray[np.float64]:
    opacity = alpha[..., None] / 255
    return colours * opacity + 255 * (1 - opacity)


def test_rgba_is_composited_over_white() -> None:
    pixels = noise(5, 8, channels=4)
    pixels[0, 0, 3], pixels[0, 1, 3] = 0, 255

    decoded = decode(encoded(Image.fromarray(pixels)))

    np.testing.assert_allclose(decoded, over_white(pixels[..., :3], pixels[..., 3]), atol=1)


def test_grey_with_alpha_is_composited_over_white() -> None:
    pixels = noise(5, 8, channels=2)

    decoded = decode(encoded(Image.fromarray(pixels, "LA")))

    np.testing.assert_allclose(decoded, over_white(pixels[..., :1].repeat(3, axis=-1), pixels[..., 1]), atol=1)


def test_the_transparent_colour_of_an_rgb_png_becomes_white() -> None:
    pixels = noise(5, 8)
    pixels[2, 3] = 10, 20, 30

    decoded = decode(encoded(Image.fromarray(pixels), transparency=(10, 20, 30)))

    pixels[2, 3] = 255
    np.testing.assert_array_equal(decoded, pixels)


RAMP = np.linspace(0, 65535, 256).astype(np.uint16).reshape(8, 32)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_the_high_byte(kind: str) -> None:
    decoded = decode(encoded(Image.fromarray(RAMP), kind))

    np.testing.assert_array_equal(decoded, np.stack([RAMP >> 8] * 3, axis=-1))
    assert len(np.unique(decoded)) == 256


def test_32_bit_integers_are_read_as_16_bit() -> None:
    decoded = decode(encoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF"))

    np.testing.assert_array_equal(decoded, np.stack([RAMP >> 8] * 3, axis=-1))


def test_zero_is_white_in_a_16_bit_tiff_that_says_so() -> None:
    white_is_zero = encoded(Image.fromarray(RAMP), "TIFF", tiffinfo={PHOTOMETRIC: 0})

    np.testing.assert_array_equal(decode(white_is_zero), 255 - decode(encoded(Image.fromarray(RAMP), "TIFF")))


@pytest.mark.parametrize(("sample_format", "expected"), [(1, [0, 0x12, 255, 255, 255]), (2, [0, 0x12, 255, 0, 0])])
def test_32_bit_integers_have_the_sign_that_the_file_says(sample_format: int, expected: list[int]) -> None:
    values = np.array([[0, 0x1234, 65536, 2**31, 2**32 - 1]], np.uint32)
    signed, other = (struct.pack("<HHIHH", SAMPLE_FORMAT, 3, 1, value, 0) for value in (2, sample_format))
    file = encoded(Image.fromarray(values.view(np.int32)), "TIFF").replace(signed, other)

    np.testing.assert_array_equal(decode(file)[0, :, 0], expected)


def test_the_transparent_grey_of_a_16_bit_png_becomes_white() -> None:
    values = np.array([[0x1234, 0x1235, 0x3412]], np.uint16)

    decoded = decode(encoded(Image.fromarray(values), transparency=0x1234))

    np.testing.assert_array_equal(decoded[0, :, 0], [255, 0x12, 0x34])


def test_16_bit_rgb_keeps_the_high_byte() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 8, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    decoded = decode(png(8, 5, depth=16, colour=2, rows=rows))

    np.testing.assert_allclose(decoded, pixels >> 8, atol=1)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 5), colour) for colour in ("red", "lime", "blue")]

    decoded = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    np.testing.assert_array_equal(decoded, np.asarray(frames[0]))


# Refused files


def first_half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"^the file is empty$"),
        (b"some text, and\nno image", r"^not an image of a known format$"),
        (encoded(smooth(24, 40), "JPEG")[:20], r"^not an image of a known format$"),
        (first_half(encoded(smooth(240, 400), "JPEG")), r"truncated"),
        (first_half(encoded(Image.fromarray(noise(24, 40)))), r"truncated"),
        (first_half(encoded(Image.fromarray(noise(24, 40)), "TIFF")), r"."),
        (first_half(encoded(palette(noise(24, 40)[..., 0]), "GIF")), r"truncated"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), r"^floating-point pixels have no defined white$"),
    ],
    ids=["empty", "text", "header", "JPEG", "PNG", "TIFF", "GIF", "floating point"],
)
def test_invalid_files_are_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as refusal:
        decode(data)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("error", [OSError("first\n\nsecond"), ValueError(), MemoryError("\n")])
def test_exceptions_of_pillow_become_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Image.Image:
        raise error

    monkeypatch.setattr(Image, "open", fail)

    with pytest.raises(DecodeError, match=rf"^{type(error).__name__}(: first)?$"):
        decode(b"anything")


def test_max_pixels_is_inclusive() -> None:
    file = encoded(Image.fromarray(noise(5, 8)))

    assert decode(file, max_pixels=40).shape == (5, 8, 3)
    with pytest.raises(DecodeError, match=r"^8x5 pixels are over the limit of 39$"):
        decode(file, max_pixels=39)


def test_a_decompression_bomb_is_refused_before_its_pixels_are_decoded() -> None:
    bomb = png(50_000, 50_000, depth=1, colour=0, rows=b"nothing")

    with pytest.raises(DecodeError, match=r"^more than twice the limit of 178956970 pixels$"):
        decode(bomb, max_pixels=178_956_970)


def test_a_jpeg_with_too_many_scans_is_refused() -> None:
    progressive = encoded(smooth(24, 40), "JPEG", progressive=True)

    assert decode(with_scans(progressive, 50)).shape == (24, 40, 3)
    with pytest.raises(DecodeError, match=r"^a JPEG of more than 100 scans$"):
        decode(with_scans(progressive, 100))


def test_another_format_of_pillow_is_refused_by_name() -> None:
    for kind in ("EPS", "ICO"):
        with pytest.raises(DecodeError, match=rf"^{kind} is not decoded$"):
            decode(encoded(smooth(24, 40), kind))


# Memory


@pytest.mark.parametrize("name", bombs())
def test_bombs_are_refused_by_their_headers(name: str) -> None:
    reasons = r"decoding takes [\d.]+ GB, more than the 1.8 GB allowed|a TIFF tag of more than 1000000 values"
    other_reasons = r"a HEIF whose tiles have 1007681536 pixels|FITS is not decoded|not an image of a known format"

    with pytest.raises(DecodeError, match=rf"^({reasons}|{other_reasons})$"):
        decode(bombs()[name], max_pixels=DEFAULT_LIMIT)


@pytest.mark.integration
def test_more_memory_is_allowed_with_a_higher_limit() -> None:
    bomb = webp(12_000, 10_000)

    with pytest.raises(DecodeError, match=r"^decoding takes 2.0 GB, more than the 1.8 GB allowed$"):
        decode(bomb, max_pixels=DEFAULT_LIMIT)
    with pytest.raises(DecodeError, match=r"^decoding takes 2.0 GB, more than the 1.9 GB allowed$"):
        decode(bomb, max_pixels=190_000_000)


def test_an_image_is_refused_if_its_header_hides_the_memory_that_it_takes() -> None:
    file = encoded(smooth(24, 40), "AVIF")
    start = file.index(b"mdat") + 4

    with pytest.raises(DecodeError, match=r"^the header does not tell how much memory decoding takes$"):
        decode(file[:start] + bytes(len(file) - start))


def test_a_jpeg_2000_is_halved_if_it_takes_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is that for 100 megapixels in one tile, scaled down."""
    picture = smooth(100, 160)
    file = encoded(picture, "JPEG2000")
    monkeypatch.setattr(images, "_BYTES_PER_PIXEL", 0)
    monkeypatch.setattr(images, "_MEMORY", decoder_memory(file))

    image, size = images.decode(file, max_pixels=MANY, min_longest_side=80)

    assert (image.size, size) == ((80, 50), (160, 100))
    np.testing.assert_allclose(np.asarray(image), np.asarray(picture.reduce(2)), atol=4)
    for options in ({}, {"min_longest_side": 81}):
        with pytest.raises(DecodeError, match=r"^decoding takes"):
            decode(file, **options)


@given(
    file=st.sampled_from([encoded(smooth(9, 14), kind) for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP")]),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 10_000),
)
def test_damaged_files_give_an_image_or_a_reason(file: bytes, changes: list[tuple[int, int]], length: int) -> None:
    damaged = bytearray(file)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    reason = "none"
    try:
        decode(bytes(damaged[:length]))
    except DecodeError as error:
        reason = str(error)
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize("name", zoo())
def test_every_file_of_the_zoo_gives_its_size_or_a_reason(name: str) -> None:
    content, size = zoo()[name]
    reason = ""
    try:
        decoded: tuple[int, int] | None = images.decode(content, max_pixels=LIMIT).size
    except DecodeError as error:
        decoded, reason = None, str(error)

    assert decoded == size
    assert len(reason.splitlines()) == (size is None)


# Cropping


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((2, 1, 7, 5), slice(1, 5), slice(2, 7)),
        ((1.6, 0.6, 7.4, 5.4), slice(1, 5), slice(2, 7)),
        ((-3, -2.5, 4, 3), slice(0, 3), slice(0, 4)),
        ((4, 3, 99, 99.9), slice(3, 6), slice(4, 9)),
        ((0, 0, 9, 6), slice(0, 6), slice(0, 9)),
    ],
    ids=["whole pixels", "rounded", "clipped top left", "clipped bottom right", "full image"],
)
def test_crop_rounds_and_clips_the_box(box: Box, rows: slice, columns: slice) -> None:
    pixels = noise(6, 9)

    np.testing.assert_array_equal(np.asarray(crop(Image.fromarray(pixels), box)), pixels[rows, columns])


@pytest.mark.parametrize(
    "box",
    [(9, 0, 12, 6), (0, 6, 9, 8), (-5, 0, 0, 6), (0, -5, 9, 0), (4, 0, 4, 6), (7, 0, 2, 6), (3.1, 0, 3.4, 6)],
    ids=["right", "below", "left", "above", "empty", "inverted", "rounded to empty"],
)
def test_crop_refuses_a_box_outside_the_image(box: Box) -> None:
    with pytest.raises(DecodeError, match=r"^box \(.*\) lies outside the 9x6 image$"):
        crop(Image.new("RGB", (9, 6)), box)


@pytest.mark.parametrize("edge", [float("nan"), float("inf"), float("-inf")])
def test_crop_refuses_edges_that_are_not_finite(edge: float) -> None:
    with pytest.raises(DecodeError, match=r"^box \(.*\) has an edge that is not a finite number$"):
        crop(Image.new("RGB", (9, 6)), (0, 0, edge, 6))


@pytest.mark.parametrize("size", [(400, 300), (401, 303), (199, 401), (64, 31), (63, 64), (1000, 7), (815, 801)])
@pytest.mark.parametrize("least", [50, 100, 400])
def test_the_size_at_which_a_jpeg_is_decoded_is_known(size: tuple[int, int], least: int) -> None:
    image, full_size = images.decode(
        encoded(Image.new("RGB", size, "teal"), "JPEG"), max_pixels=MANY, min_longest_side=least
    )

    assert (image.size, full_size) == (jpeg_size(size, least), size)
