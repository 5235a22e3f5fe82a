"""Scans of JPEG files, and hand-computed estimates of the memory of their coefficients."""

import io

import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from osrmac.descriptor.decoding.jpeg import decoder_memory, scans
from tests.pictures import encoded, smooth, with_scans

PIXELS = 160 * 80


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    return encoded(smooth(80, 160).convert(mode), "JPEG", **options)


def memory(file: bytes) -> int:
    with Image.open(io.BytesIO(file)) as image:
        assert isinstance(image, JpegImageFile)
        return decoder_memory(image, file, PIXELS)


@pytest.mark.parametrize(("mode", "components"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
def test_a_sequential_jpeg_has_one_scan_of_all_components(mode: str, components: int) -> None:
    assert scans(jpeg(mode)) == [components]
    assert memory(jpeg(mode)) == 0


def test_repeated_scans_are_counted() -> None:
    progressive = jpeg(progressive=True)

    assert scans(progressive)[0] == 3
    assert len(scans(with_scans(progressive, 50))) == len(scans(progressive)) + 50


@pytest.mark.parametrize(
    ("subsampling", "per_pixel"), [(0, 2 * 3), (1, 2 * 2), (2, 2 * 1.5)], ids=["4:4:4", "4:2:2", "4:2:0"]
)
def test_a_progressive_jpeg_keeps_its_coefficients(subsampling: int, per_pixel: float) -> None:
    assert memory(jpeg(progressive=True, subsampling=subsampling)) == per_pixel * PIXELS


def test_a_sequential_jpeg_of_several_scans_keeps_them_too() -> None:
    header, of_one = b"\xff\xda\0\x0c\x03", b"\xff\xda\0\x08\x01"

    assert memory(jpeg(subsampling=0).replace(header, of_one)) == 6 * PIXELS


def test_a_progressive_jpeg_of_one_scan_keeps_them_too() -> None:
    progressive = jpeg(progressive=True, subsampling=0)
    cut = progressive[: progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 1)]

    assert scans(cut) == [3]
    assert memory(cut) == 6 * PIXELS
