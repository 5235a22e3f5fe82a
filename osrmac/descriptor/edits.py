"""Edits that a picture commonly undergoes, to learn how near its copies are."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

__all__ = ["EDITS", "edited"]

_Edit = Callable[[Image.Image, np.random.Generator], Image.Image]

_QUALITY = 90
"""JPEG quality that edited pictures are saved with, unless the quality is the edit."""


def _crop(image: Image.Image, random: np.random.Generator) -> Image.Image:
    left, top, right, bottom = random.uniform(0, 0.06, 4)
    box = left * image.width, top * image.height, (1 - right) * image.width, (1 - bottom) * image.height
    return image.crop(tuple(map(round, box)))


def _border(image: Image.Image, random: np.random.Generator) -> Image.Image:
    width = round(random.uniform(0.03, 0.12) * min(image.size))
    return ImageOps.expand(image, max(1, width), "white" if random.random() < 0.5 else "black")


def _turn(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return image.rotate(random.uniform(1, 4) * random.choice([-1, 1]), Image.Resampling.BICUBIC)


def _scale(image: Image.Image, random: np.random.Generator) -> Image.Image:
    share = random.uniform(0.35, 0.75)
    return image.resize((max(1, round(share * image.width)), max(1, round(share * image.height))))


def _brightness(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(random.choice([random.uniform(0.7, 0.9), random.uniform(1.1, 1.4)]))


def _grey(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image.convert("L").convert("RGB")


def _sharpen(image: Image.Image, random: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(2, round(random.uniform(80, 200)), 3))


def _watermark(image: Image.Image, random: np.random.Generator) -> Image.Image:
    layer = Image.new("RGBA", image.size, (255, 255, 255, 0))
    font = ImageFont.load_default(max(8.0, image.width * random.uniform(0.08, 0.16)))
    centre = image.width / 2, image.height * random.uniform(0.3, 0.8)
    ImageDraw.Draw(layer).text(centre, "© OWNER", font=font, fill=(255, 255, 255, 130), anchor="mm")
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def _unchanged(image: Image.Image, _: np.random.Generator) -> Image.Image:
    return image


EDITS: Mapping[str, _Edit] = {
    "crop": _crop,
    "border": _border,
    "turn": _turn,
    "scale": _scale,
    "brightness": _brightness,
    "grey": _grey,
    "sharpen": _sharpen,
    "watermark": _watermark,
    "recompress": _unchanged,
}
"""Edits by name, each with a strength drawn at random; `recompress` happens as the picture is saved."""


def edited(image: Image.Image, edit: str, random: np.random.Generator) -> bytes:
    """Return an edited picture as a JPEG file.

    Args:
        image: RGB image.
        edit: Name of one of the `EDITS`.
        random: Generator that the strength of the edit is drawn from.
    """
    quality = int(random.integers(15, 60)) if edit == "recompress" else _QUALITY
    file = io.BytesIO()
    EDITS[edit](image, random).save(file, "JPEG", quality=quality)
    return file.getvalue()
