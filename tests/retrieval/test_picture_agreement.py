"""Agreement of edited photographs, and of shots in which near and far things have moved differently."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from skimage import data

from osrmac.retrieval.picture_agreement import SIDE, agreements


def thumbnail(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def agreement(left: Image.Image, right: Image.Image) -> float:
    return float(agreements(thumbnail(left)[None], thumbnail(right)[None])[0])


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(data.astronaut())


def watermarked(image: Image.Image) -> Image.Image:
    copy = image.copy()
    ImageDraw.Draw(copy).rectangle((60, 220, 450, 260), fill="white")
    return copy


EDITS = {
    "crop": lambda image: image.crop((20, 30, 480, 490)),
    "border": lambda image: ImageOps.expand(image, 50, "white"),
    "turn": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "half": lambda image: image.resize((256, 256)),
    "grey": lambda image: image.convert("L"),
    "brighter": lambda image: image.point(lambda value: min(255, int(1.3 * value))),
    "mirrored": ImageOps.mirror,
    "watermark": watermarked,
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_picture_agrees_with_its_original(photograph: Image.Image, edit: str) -> None:
    assert agreement(photograph, EDITS[edit](photograph)) > 0.85
    assert agreement(EDITS[edit](photograph), photograph) > 0.85


def test_equal_pictures_agree_entirely(photograph: Image.Image) -> None:
    assert agreement(photograph, photograph) == pytest.approx(1, abs=1e-3)


def test_other_pictures_do_not_agree(photograph: Image.Image) -> None:
    for other in (data.coffee(), data.chelsea(), data.rocket()):
        assert agreement(photograph, Image.fromarray(other)) == 0


def test_a_picture_taken_from_another_side_does_not_agree(photograph: Image.Image) -> None:
    assert agreement(photograph, photograph.rotate(20, Image.Resampling.BICUBIC)) == 0


def test_a_shot_in_which_near_things_have_moved_does_not_agree(photograph: Image.Image) -> None:
    near = Image.fromarray(data.coffee()).resize((280, 280))
    shots = [photograph.copy() for _ in range(2)]
    for shot, place in zip(shots, ((60, 180), (110, 180)), strict=True):
        shot.paste(near, place)
    assert agreement(*shots) < 0.6


def test_pairs_do_not_depend_on_each_other(photograph: Image.Image) -> None:
    pictures = [photograph, *(EDITS[name](photograph) for name in ("crop", "grey")), Image.fromarray(data.coffee())]
    left = np.stack([thumbnail(photograph)] * 4)
    right = np.stack([thumbnail(picture) for picture in pictures])
    together = agreements(left, right)
    alone = [agreement(photograph, picture) for picture in pictures]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert agreements(left[:0], right[:0]).shape == (0,)
