"""Decoding, cropping and scaling of pictures made here, in every pixel format a photograph may come in."""

import sys
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from osrmac.descriptor import images
from osrmac.descriptor.images import DecodeError, crop, decode_at_least, scaled_size, to_scale, to_scales
from osrmac.types import Box
from tests.pictures import STORED, Bytes, encoded, icon, noise, palette, photograph, png, smooth, with_scans
from tests.zoo import LIMIT, zoo

MANY = 10**6


def decode(encoded: bytes, **options: Any) -> Bytes:
    image = images.decode(encoded, **{"max_pixels": MANY, **options})
    assert image.mode == "RGB"
    return np.asarray(image)


# Orientation


@pytest.mark.parametrize("orientation", STORED)
def test_a_photograph_is_turned_upright(orientation: int) -> None:
    upright = noise(5, 8)

    np.testing.assert_array_equal(decode(photograph(upright, orientation)), upright)


@pytest.mark.parametrize("orientation", STORED)
def test_a_photograph_stays_as_stored_on_request(orientation: int) -> None:
    upright = noise(5, 8)

    decoded = decode(photograph(upright, orientation), exif_orientation=False)

    np.testing.assert_array_equal(decoded, STORED[orientation](upright))


@pytest.mark.parametrize("orientation", STORED)
def test_a_jpeg_photograph_is_turned_upright(orientation: int) -> None:
    upright = np.asarray(smooth(24, 40))

    np.testing.assert_allclose(decode(photograph(upright, orientation, "JPEG")), upright, atol=12)


@pytest.mark.parametrize("exif", [b"Exif\0\0no such header", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12", b"\0"])
def test_damaged_exif_data_cost_no_picture(exif: bytes) -> None:
    picture = smooth(24, 40)

    np.testing.assert_allclose(decode(encoded(picture, "JPEG", exif=exif)), np.asarray(picture), atol=12)


def test_exif_data_that_cannot_be_written_again_still_turn_the_picture() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.XResolution] = 6, 72.0
    rational, text = b"\x01\x1a\0\x05", b"\x01\x1a\0\x02"  # the tag, and the type that it says its value has
    mistyped = exif.tobytes().replace(rational, text)
    upright = np.asarray(smooth(24, 40))
    stored = Image.fromarray(np.ascontiguousarray(STORED[6](upright)))

    np.testing.assert_allclose(decode(encoded(stored, "JPEG", exif=mistyped, quality=95)), upright, atol=12)
    assert mistyped != exif.tobytes()


# Reduction


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
def test_a_large_jpeg_is_reduced_but_never_too_far(
    size: tuple[int, int], longest: int, reduced: tuple[int, int], orientation: int
) -> None:
    upright = np.asarray(smooth(*size[::-1]))

    image, whole = decode_at_least(longest, photograph(upright, orientation, "JPEG"), max_pixels=MANY)

    assert whole == size
    assert image.size == reduced
    if min(reduced) > 1:
        expected = Image.fromarray(upright).resize(reduced, Image.Resampling.BOX)
        np.testing.assert_allclose(np.asarray(image), np.asarray(expected), atol=12)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_is_no_jpeg_is_not_reduced(kind: str) -> None:
    image, whole = decode_at_least(10, encoded(smooth(60, 80), kind), max_pixels=MANY)

    assert image.size == whole == (80, 60)


def test_the_limit_is_on_the_pixels_of_the_file() -> None:
    with pytest.raises(DecodeError, match=r"^400x300 pixels are over the limit of 119999$"):
        decode_at_least(10, encoded(smooth(300, 400), "JPEG"), max_pixels=119_999)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpegs_that_are_not_rgb_are_reduced_too(mode: str) -> None:
    image, _ = decode_at_least(100, encoded(smooth(300, 400).convert(mode), "JPEG"), max_pixels=MANY)

    assert (image.mode, image.size) == ("RGB", (100, 75))


# Pixel formats


def test_rgb_is_kept() -> None:
    pixels = noise(5, 8)

    np.testing.assert_array_equal(decode(encoded(Image.fromarray(pixels))), pixels)


def test_grey_is_the_same_in_every_channel() -> None:
    grey = noise(5, 8)[..., 0]

    np.testing.assert_array_equal(decode(encoded(Image.fromarray(grey))), np.stack([grey] * 3, axis=-1))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_one_bit_is_black_and_white(kind: str) -> None:
    white = noise(5, 9)[..., 0] > 127

    decoded = decode(encoded(Image.fromarray(white), kind))

    np.testing.assert_array_equal(decoded, np.where(white[..., None], 255, 0).repeat(3, axis=-1))


def test_cmyk_jpeg_is_converted() -> None:
    corners = [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 0, 0), (0, 0, 255, 0), (0, 0, 0, 255), (0, 0, 0, 128)]
    for ink in corners:
        decoded = decode(encoded(Image.new("CMYK", (16, 16), ink), "JPEG", quality=95))

        expected = [(255 - colour) * (255 - ink[3]) / 255 for colour in ink[:3]]
        np.testing.assert_allclose(decoded, np.broadcast_to(expected, decoded.shape), atol=4)


def test_palette_colours_are_looked_up() -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
    colours = np.array([[255, 0, 0], [0, 255, 0], [10, 20, 30]])

    np.testing.assert_array_equal(decode(encoded(palette(indices))), colours[indices])


@pytest.mark.parametrize(
    ("transparency", "colours"),
    [
        (1, [[255, 0, 0], [255, 255, 255], [10, 20, 30]]),
        (bytes([255, 0, 51]), [[255, 0, 0], [255, 255, 255], [206, 208, 210]]),
    ],
    ids=["one colour", "a share each"],
)
def test_transparent_palette_colours_lie_over_white(transparency: int | bytes, colours: list[list[int]]) -> None:
    indices = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)

    decoded = decode(encoded(palette(indices), transparency=transparency))

    np.testing.assert_allclose(decoded, np.array(colours)[indices], atol=1)


def over_white(colours: Bytes, alpha: Bytes) -> NDArray[np.float64]:
    share = alpha[..., None] / 255
    return colours * share + 255 * (1 - share)


def test_rgba_lies_over_white() -> None:
    pixels = noise(5, 8, channels=4)
    pixels[0, 0, 3], pixels[0, 1, 3] = 0, 255

    decoded = decode(encoded(Image.fromarray(pixels)))

    np.testing.assert_allclose(decoded, over_white(pixels[..., :3], pixels[..., 3]), atol=1)


def test_grey_with_alpha_lies_over_white() -> None:
    pixels = noise(5, 8, channels=2)

    decoded = decode(encoded(Image.fromarray(pixels, "LA")))

    np.testing.assert_allclose(decoded, over_white(pixels[..., :1].repeat(3, axis=-1), pixels[..., 1]), atol=1)


def test_the_transparent_colour_of_an_rgb_png_is_white() -> None:
    pixels = noise(5, 8)
    pixels[2, 3] = 10, 20, 30

    decoded = decode(encoded(Image.fromarray(pixels), transparency=(10, 20, 30)))

    pixels[2, 3] = 255
    np.testing.assert_array_equal(decoded, pixels)


RAMP = np.linspace(0, 65535, 256).astype(np.uint16).reshape(8, 32)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_16_bit_ramp_stays_a_ramp(kind: str) -> None:
    decoded = decode(encoded(Image.fromarray(RAMP), kind))

    np.testing.assert_array_equal(decoded, np.stack([RAMP >> 8] * 3, axis=-1))
    assert len(np.unique(decoded)) == 256


def test_a_32_bit_picture_is_read_as_16_bit() -> None:
    decoded = decode(encoded(Image.fromarray(RAMP.astype(np.int32)), "TIFF"))

    np.testing.assert_array_equal(decoded, np.stack([RAMP >> 8] * 3, axis=-1))


def test_16_bit_rgb_keeps_the_high_bytes() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 8, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    decoded = decode(png(8, 5, depth=16, colour=2, rows=rows))

    np.testing.assert_allclose(decoded, pixels >> 8, atol=1)


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 5), colour) for colour in ("red", "lime", "blue")]

    decoded = decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    np.testing.assert_array_equal(decoded, np.asarray(frames[0]))


# Refusals


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"^the file is empty$"),
        (b"some text, and\nno picture", r"^not an image of a known format$"),
        (encoded(smooth(24, 40), "JPEG")[:20], r"^not an image of a known format$"),
        (cut(encoded(smooth(240, 400), "JPEG")), r"truncated"),
        (cut(encoded(Image.fromarray(noise(24, 40)))), r"truncated"),
        (cut(encoded(Image.fromarray(noise(24, 40)), "TIFF")), r"."),
        (cut(encoded(palette(noise(24, 40)[..., 0]), "GIF")), r"truncated"),
        (encoded(Image.new("F", (4, 4)), "TIFF"), r"^floating-point pixels have no defined white$"),
    ],
    ids=["empty", "text", "header", "JPEG", "PNG", "TIFF", "GIF", "floating point"],
)
def test_what_is_no_whole_picture_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason) as refusal:
        decode(data)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("error", [OSError("first\n\nsecond"), ValueError(), MemoryError("\n")])
def test_whatever_pillow_raises_becomes_one_line(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Image.Image:
        raise error

    monkeypatch.setattr(Image, "open", fail)

    with pytest.raises(DecodeError, match=rf"^{type(error).__name__}(: first)?$"):
        decode(b"anything")


def test_the_limit_counts_the_pixels_it_allows() -> None:
    picture = encoded(Image.fromarray(noise(5, 8)))

    assert decode(picture, max_pixels=40).shape == (5, 8, 3)
    with pytest.raises(DecodeError, match=r"^8x5 pixels are over the limit of 39$"):
        decode(picture, max_pixels=39)


def test_a_decompression_bomb_is_refused_before_its_pixels_are_read() -> None:
    bomb = png(50_000, 50_000, depth=1, colour=0, rows=b"nothing")

    with pytest.raises(DecodeError, match=r"^more than twice the limit of 178956970 pixels$"):
        decode(bomb, max_pixels=178_956_970)


def test_the_limit_of_pillow_does_not_interfere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)

    assert decode(encoded(Image.fromarray(noise(5, 8))), max_pixels=40).shape == (5, 8, 3)


def test_a_decompression_bomb_in_an_icon_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"^more than twice the limit of 1000000 pixels$"):
        decode(icon(encoded(Image.new("1", (2000, 2000)))))


def test_a_jpeg_of_endless_passes_is_refused() -> None:
    progressive = encoded(smooth(24, 40), "JPEG", progressive=True)

    assert decode(with_scans(progressive, 50)).shape == (24, 40, 3)
    with pytest.raises(DecodeError, match=r"^a JPEG of more than 100 scans$"):
        decode(with_scans(progressive, 100))


def test_a_program_is_no_picture() -> None:
    with pytest.raises(DecodeError, match=r"^not an image of a known format$"):
        decode(encoded(smooth(24, 40), "EPS"))


@pytest.mark.parametrize("action", ["error", "always"])
def test_warnings_neither_fail_a_picture_nor_reach_the_log(
    action: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warnings, "showwarning", lambda *_: sys.stderr.write("warned"))
    warnings.simplefilter(action)
    damaged = encoded(smooth(24, 40), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12")

    assert decode(damaged).shape == (24, 40, 3)
    assert capfd.readouterr() == ("", "")


@given(
    picture=st.sampled_from([encoded(smooth(9, 14), kind) for kind in ("JPEG", "PNG", "GIF", "TIFF", "WEBP", "BMP")]),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=4),
    length=st.integers(0, 10_000),
)
def test_damaged_bytes_give_a_picture_or_a_reason(picture: bytes, changes: list[tuple[int, int]], length: int) -> None:
    damaged = bytearray(picture)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    reason = "none"
    try:
        decode(bytes(damaged[:length]))
    except DecodeError as error:
        reason = str(error)
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize("name", zoo())
def test_each_of_the_zoo_gives_its_picture_or_a_reason(name: str) -> None:
    content, size = zoo()[name]
    reason = ""
    try:
        found: tuple[int, int] | None = images.decode(content, max_pixels=LIMIT).size
    except DecodeError as error:
        found, reason = None, str(error)

    assert found == size
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
    ids=["whole pixels", "rounded", "clipped above", "clipped below", "all of it"],
)
def test_a_box_is_rounded_and_clipped(box: Box, rows: slice, columns: slice) -> None:
    pixels = noise(6, 9)

    np.testing.assert_array_equal(np.asarray(crop(Image.fromarray(pixels), box)), pixels[rows, columns])


@pytest.mark.parametrize(
    "box",
    [(9, 0, 12, 6), (0, 6, 9, 8), (-5, 0, 0, 6), (0, -5, 9, 0), (4, 0, 4, 6), (7, 0, 2, 6), (3.1, 0, 3.4, 6)],
    ids=["right of it", "below it", "left of it", "above it", "empty", "inverted", "rounded to nothing"],
)
def test_a_box_outside_the_picture_is_refused(box: Box) -> None:
    with pytest.raises(DecodeError, match=r"^box \(.*\) lies outside the 9x6 picture$"):
        crop(Image.new("RGB", (9, 6)), box)


@pytest.mark.parametrize("edge", [float("nan"), float("inf"), float("-inf")])
def test_a_box_without_a_finite_edge_is_refused(edge: float) -> None:
    with pytest.raises(DecodeError, match=r"^box \(.*\) has an edge that is no finite number$"):
        crop(Image.new("RGB", (9, 6)), (0, 0, edge, 6))


# Scaling


sides = st.integers(1, 30_000)


@given(width=sides, height=sides, longest=st.integers(1, 4000))
def test_the_longest_side_is_exact_and_the_other_follows(width: int, height: int, longest: int) -> None:
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
def test_sizes_by_hand(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    assert scaled_size(*size, longest) == expected


@pytest.mark.parametrize("longest", [1, 7, 30, 60, 61, 62, 100, 250])
@pytest.mark.parametrize("size", [(61, 37), (37, 61), (61, 1), (1, 61)])
def test_scaling_agrees_with_pillow_within_one_level(size: tuple[int, int], longest: int) -> None:
    picture = Image.fromarray(noise(size[1], size[0]))

    scaled = to_scale(picture, longest).numpy()

    expected = np.asarray(picture.resize(scaled_size(*size, longest), Image.Resampling.BILINEAR))
    assert scaled.dtype == np.uint8
    np.testing.assert_allclose(scaled.transpose(1, 2, 0).astype(int), expected, atol=1)


def test_every_scale_is_made_from_the_picture_itself() -> None:
    picture = smooth(60, 90)

    for pixels, longest in zip(to_scales(picture, (80, 40, 20)), (80, 40, 20), strict=True):
        np.testing.assert_array_equal(pixels, to_scale(picture, longest))


def test_what_is_cut_off_is_shown_as_far_as_it_goes() -> None:
    whole = smooth(240, 400)
    file = encoded(whole, "JPEG")
    cut_off = file[: len(file) * 2 // 3]
    with pytest.raises(DecodeError, match="truncated"):
        decode(cut_off)
    image, size = images.salvage(200, cut_off, max_pixels=MANY)
    assert (image.size, size) == ((200, 120), (400, 240))
    expected = np.asarray(whole.reduce(2))[:30]
    np.testing.assert_allclose(np.asarray(image)[:30].astype(int), expected, atol=12)
    for nothing in (b"", b"<html>", file[:20]):
        with pytest.raises(DecodeError):
            images.salvage(200, nothing, max_pixels=MANY)
    with pytest.raises(DecodeError, match="limit of 100 pixels"):
        images.salvage(200, cut_off, max_pixels=100)
    # It changes nothing for whoever decodes next.
    with pytest.raises(DecodeError, match="truncated"):
        decode(cut_off)
