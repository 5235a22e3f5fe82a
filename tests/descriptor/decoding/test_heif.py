"""HEIF files: their pixels, and what decoding them takes according to the header."""

import io
import sys

import numpy as np
import pytest
from PIL import ExifTags, Image

from osrmac.descriptor import images
from osrmac.descriptor.decoding import formats
from osrmac.descriptor.decoding.heif import MISSING, coded_pixels, decoder_memory, is_heif
from osrmac.descriptor.images import DecodeError
from tests.bombs import heic, heic_of_tiles
from tests.heif import NO_ENCODER, Item, can_encode, configuration, grid, heif, ispe, parameter_set, stream
from tests.pictures import MANY, STORED, Bytes, decode, encoded, noise, smooth

pytestmark = pytest.mark.skipif(not can_encode(), reason=NO_ENCODER)

UPRIGHT = np.asarray(smooth(48, 80))
CODED = Item(b"hvc1", stream(), (ispe(64, 64), configuration())) if can_encode() else Item(b"hvc1")


def turned(orientation: int) -> bytes:
    """How a phone writes a photograph: the orientation is in the container and, a second time, in the EXIF data."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
    return encoded(stored, "HEIF", exif=exif.tobytes(), quality=95)


@pytest.mark.parametrize("exif_orientation", [True, False])
@pytest.mark.parametrize("orientation", STORED)
def test_an_image_is_turned_once(orientation: int, exif_orientation: bool) -> None:
    file = turned(orientation)
    assert (b"irot" in file or b"imir" in file) == (orientation != 1)

    image, size = images.decode(file, max_pixels=MANY, exif_orientation=exif_orientation)

    np.testing.assert_allclose(np.asarray(image), UPRIGHT, atol=12)
    assert image.size == size == (80, 48)


def test_an_orientation_in_the_exif_data_alone_means_nothing() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6

    np.testing.assert_allclose(decode(encoded(smooth(48, 80), "HEIF", exif=exif, quality=95)), UPRIGHT, atol=12)


def test_the_primary_image_of_several_is_decoded() -> None:
    frames = [Image.new("RGB", (64, 64), color) for color in ("red", "blue", "lime")]
    file = encoded(frames[0], "HEIF", save_all=True, append_images=frames[1:], primary_index=1)

    assert decode(file)[5, 5].tolist() == pytest.approx([0, 0, 255], abs=9)


def test_transparent_pixels_are_white_and_others_keep_their_color() -> None:
    pixels = np.full((64, 64, 4), (10, 200, 30, 255), np.uint8)
    pixels[:, 32:, 3] = 0

    image = decode(encoded(Image.fromarray(pixels), "HEIF", quality=-1, subsampling="4:4:4"))

    assert image[5, 5].tolist() == pytest.approx([10, 200, 30], abs=3)
    assert image[5, 60].tolist() == [255, 255, 255]


def test_pixels_of_ten_bits_keep_the_high_byte() -> None:
    levels = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)

    image = decode(encoded(Image.fromarray(levels), "HEIF", quality=-1))

    np.testing.assert_allclose(image[..., 0], levels >> 8, atol=1)


def test_tiles_are_assembled_and_their_margins_cut_off() -> None:
    file = encoded(smooth(120, 200), "HEIF", tile_size=64, quality=95)

    np.testing.assert_allclose(decode(file), np.asarray(smooth(120, 200)), atol=12)
    assert coded_pixels(file) == 4 * 2 * 64 * 64


def test_a_color_profile_is_ignored_as_in_other_formats() -> None:
    picture = smooth(48, 80)
    profile = b"\0" * 128

    with_profile, without = (encoded(picture, "HEIF", **options) for options in ({"icc_profile": profile}, {}))

    np.testing.assert_array_equal(decode(with_profile), decode(without))


def test_a_thumbnail_is_never_decoded_instead_of_the_image() -> None:
    file = encoded(Image.fromarray(noise(256, 256)), "HEIF", thumbnails=[128])

    image, size = images.decode(file, max_pixels=MANY, min_longest_side=100)

    assert image.size == size == (256, 256)


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1"])
def test_files_are_recognized_by_their_brands(brand: bytes) -> None:
    file = heif([CODED], brand=brand)

    assert is_heif(file)
    assert decode(file)[3, 3].tolist() == pytest.approx([10, 200, 30], abs=3)
    assert not is_heif(encoded(smooth(9, 9)))
    assert not is_heif(encoded(smooth(9, 9), "AVIF"))


def test_without_the_extra_the_reason_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF")
    monkeypatch.setattr(images, "available_formats", formats.available_formats.__wrapped__)

    for file in (turned(6), heif([CODED], brand=b"mif1")):
        with pytest.raises(DecodeError) as refusal:
            decode(file)
        assert str(refusal.value) == MISSING
        assert "pip install 'osrmac[heif]'" in MISSING


# Cost


def test_the_size_in_the_stream_counts() -> None:
    memory = decoder_memory(heic(16_384, 8192), "RGB", 64 * 64)

    assert memory == pytest.approx((2 * 6 + 2) * 16_384 * 8192, rel=1e-5)


@pytest.mark.parametrize("place", ["the container", "the stream"])
def test_a_second_parameter_set_counts_wherever_it_is(place: str) -> None:
    unit = parameter_set(8192, 8192)
    inside = Item(b"hvc1", len(unit).to_bytes(4) + unit + stream(), (ispe(64, 64), configuration()))
    beside = Item(b"hvc1", stream(), (ispe(64, 64), configuration(), configuration(sps=unit)))

    assert coded_pixels(heif([inside if place == "the stream" else beside])) == 8192 * 8192


def test_a_tile_that_is_used_many_times_counts_as_often() -> None:
    file = heic_of_tiles(8, 9)

    assert coded_pixels(file) == 72 * 1024 * 1024
    assert decode(file, max_pixels=64 * 64).shape == (64, 64, 3)  # libheif accepts such files
    with pytest.raises(DecodeError, match=r"^a HEIF whose tiles have 268435456 pixels$"):
        decode(heic_of_tiles(16, 16), max_pixels=64 * 64)


def test_an_image_of_another_size_than_its_header_states_is_refused() -> None:
    """The size in the container is that of the clean aperture, which libheif ignores where the picture is smaller."""
    file = bytearray(encoded(smooth(48, 80), "HEIF"))
    height = file.index(b"clap") + 12
    assert file[height : height + 4] == (48).to_bytes(4)
    file[height : height + 4] = (100).to_bytes(4)

    with pytest.raises(DecodeError, match=r"^80x64 pixels instead of 80x100$"):
        decode(bytes(file))


OTHERS = {
    "a JPEG inside": [Item(b"jpeg", encoded(smooth(64, 64), "JPEG"), (ispe(64, 64),))],
    "a grid of grids": [
        Item(b"grid", grid(2, 2, 128, 128), (ispe(128, 128),), {b"dimg": [2] * 4}),
        Item(b"grid", grid(1, 1, 64, 64), (ispe(64, 64),), {b"dimg": [3]}),
        CODED,
    ],
    "an image without parameters": [Item(b"hvc1", stream(), (ispe(64, 64),))],
    "nothing": [],
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_images_than_those_of_hevc_are_refused(name: str) -> None:
    file = heif(OTHERS[name])

    assert coded_pixels(file) is None
    with pytest.raises(DecodeError, match=r"^a (HEIF of other images than HEVC|damaged HEIC file)$"):
        decode(file)


def test_decoding_takes_no_more_threads() -> None:
    """Otherwise each of several images that are decoded at a time would take four."""
    options = sys.modules["pillow_heif"].options

    assert options.DECODE_THREADS == 0
    assert not options.DISABLE_SECURITY_LIMITS
    assert "pillow_heif" not in Image.OPEN["AVIF"][0].__module__


def test_pixels_do_not_depend_on_other_decodes() -> None:
    file, other = turned(6), encoded(smooth(120, 200), "HEIF", tile_size=64)
    first: Bytes = decode(file)
    decode(other)

    np.testing.assert_array_equal(decode(file), first)
    with Image.open(io.BytesIO(file)) as image:
        assert image.size == (80, 48)
