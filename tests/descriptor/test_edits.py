import io

import numpy as np
import pytest
from PIL import Image, ImageChops

from osrmac.descriptor.edits import EDITS, edited


def noise(size: tuple[int, int] = (60, 40)) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1] // 4, size[0] // 4, 3), np.uint8)
    return Image.fromarray(pixels).resize(size)


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file)).convert("RGB")


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_the_picture_repeatably(edit: str) -> None:
    image = noise()
    first, second = (edited(image, edit, np.random.default_rng(5)) for _ in range(2))
    assert first == second
    result = opened(first)
    assert result.size != image.size or ImageChops.difference(result, image).getbbox() is not None
    assert image == noise()


@pytest.mark.parametrize("edit", EDITS)
def test_tiny_pictures_can_be_edited(edit: str) -> None:
    assert min(opened(edited(Image.new("RGB", (1, 3)), edit, np.random.default_rng(0))).size) >= 1


def test_sizes_change_as_the_edits_say() -> None:
    sizes = {edit: opened(edited(noise((200, 100)), edit, np.random.default_rng(1))).size for edit in EDITS}
    assert sizes["crop"] < (200, 100) < sizes["border"]
    assert sizes["scale"][0] == pytest.approx(2 * sizes["scale"][1], abs=2)
    assert sizes["scale"][0] < 160
    unchanged = ("turn", "brightness", "grey", "sharpen", "watermark", "recompress")
    assert {sizes[edit] for edit in unchanged} == {(200, 100)}
