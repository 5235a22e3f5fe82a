"""Memory of TIFF decoding: strips, tiles, and lists of values."""

import io
import struct

import pytest
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from osrmac.descriptor.decoding import tiff
from tests.bombs import tiff_of_strips, tiff_of_tiles
from tests.pictures import encoded

ROWS_PER_STRIP = 278


def decoder_memory(file: bytes) -> int:
    with Image.open(io.BytesIO(file)) as image:
        assert isinstance(image, TiffImageFile)
        return tiff.decoder_memory(image, file)


@pytest.mark.parametrize(("mode", "bits"), [("1", 1), ("L", 8), ("I;16", 16), ("RGB", 24), ("RGBA", 32)])
@pytest.mark.parametrize("rows", [16, 200, 999])
def test_one_strip_is_in_memory(mode: str, bits: int, rows: int) -> None:
    image = Image.new(mode, (400, 200))

    file = encoded(image, "TIFF", compression="tiff_adobe_deflate", tiffinfo={ROWS_PER_STRIP: rows})

    assert decoder_memory(file) == 400 * min(rows, 200) * bits // 8


def test_an_uncompressed_strip_is_no_longer_than_the_file() -> None:
    file = encoded(Image.new("RGB", (400, 200)), "TIFF", tiffinfo={ROWS_PER_STRIP: 200})

    assert decoder_memory(file) == 400 * 200 * 3
    assert decoder_memory(file[:1000]) == 1000


def test_a_tile_may_be_larger_than_the_image() -> None:
    assert decoder_memory(tiff_of_tiles(10, 10, 2000, 1000)) == 2000 * 1000 * 3


@pytest.mark.parametrize("first", [16, 5000])
def test_the_largest_value_of_a_repeated_tag_counts(first: int) -> None:
    file = tiff_of_tiles(10, 10, first, 1000, extra=[(322, 4, 1, 5016 - first)])

    assert decoder_memory(file) == 5000 * 1000 * 3


def test_color_differences_are_converted_to_rgba() -> None:
    file = encoded(Image.new("YCbCr", (400, 200)), "TIFF", compression="tiff_lzw", tiffinfo={ROWS_PER_STRIP: 200})

    assert decoder_memory(file) == 400 * 200 * (3 + 4)


def test_a_webp_inside_takes_several_buffers() -> None:
    file = bytearray(tiff_of_tiles(10, 10, 100, 100))
    entry = file.index(struct.pack("<HHII", 259, 3, 1, 8))
    file[entry + 8 : entry + 12] = struct.pack("<I", 50001)

    assert decoder_memory(bytes(file)) == 3 * 100 * 100 * 3


def test_big_tiffs_are_read_alike() -> None:
    image = Image.new("RGB", (400, 200))

    file = encoded(image, "TIFF", big_tiff=True, tiffinfo={ROWS_PER_STRIP: 50})

    assert file[2] == 43
    assert decoder_memory(file) == 400 * 50 * 3


def test_the_longest_list_of_numbers_is_found() -> None:
    assert tiff.longest_list(tiff_of_strips(5000)) == 5000
    assert tiff.longest_list(encoded(Image.new("L", (9, 9)), "TIFF", tiffinfo={270: "text " * 999})) == 1
    assert tiff.longest_list(encoded(Image.new("L", (9, 9)))) == 0


def test_a_list_that_is_longer_than_the_file_is_skipped() -> None:
    assert tiff.longest_list(tiff_of_tiles(10, 10, 16, 16, extra=[(700, 4, 10**9, 8)])) == 3


@pytest.mark.parametrize("length", range(0, 200, 11))
def test_truncated_directories_are_read_as_far_as_possible(length: int) -> None:
    assert 0 <= tiff.longest_list(tiff_of_tiles(10, 10, 16, 16)[:length]) <= 3
