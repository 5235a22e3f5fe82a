"""A small collection with ground truth: views of a few scenes, made from photographs that pip installs."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from osrmac.errors import ConfigError
from osrmac.storage.location import Location

__all__ = ["LONGEST_SIDES", "SCENES", "VIEWS", "Collection", "Disc", "Scene", "View", "make_collection", "render"]

VIEWS = 6
"""Pictures of each scene."""

LONGEST_SIDES = (500, 640)
"""The longest side of a picture lies between these, in pixels."""


@dataclass(frozen=True)
class Scene:
    """One thing to recognise: a part of a photograph that no other scene shares."""

    name: str
    photograph: str
    """Path that begins with the package it is installed with."""

    box: tuple[int, int, int, int]
    """Left, top, right, bottom, in pixels of the photograph."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        left, top, right, bottom = self.box
        return right - left, bottom - top


# Parts of one photograph are the hardest to tell apart, so several photographs give two scenes.
SCENES = (
    Scene("pagoda", "sklearn/datasets/images/china.jpg", (40, 10, 380, 427)),
    Scene("lakeside", "sklearn/datasets/images/china.jpg", (390, 110, 640, 427)),
    Scene("dahlia", "sklearn/datasets/images/flower.jpg", (140, 10, 500, 427)),
    Scene("portrait", "skimage/data/astronaut.png", (110, 0, 345, 235)),
    Scene("spacesuit", "skimage/data/astronaut.png", (30, 235, 280, 512)),
    Scene("helmet", "skimage/data/astronaut.png", (280, 290, 512, 512)),
    Scene("cameraman", "skimage/data/camera.png", (50, 50, 340, 300)),
    Scene("cat", "skimage/data/chelsea.png", (0, 0, 451, 300)),
    Scene("coffee-cup", "skimage/data/coffee.png", (100, 0, 520, 400)),
    Scene("coins-left", "skimage/data/coins.png", (0, 0, 185, 303)),
    Scene("coins-right", "skimage/data/coins.png", (185, 0, 384, 303)),
    Scene("galaxies-west", "skimage/data/hubble_deep_field.jpg", (0, 200, 490, 640)),
    Scene("galaxies-east", "skimage/data/hubble_deep_field.jpg", (510, 200, 1000, 640)),
    Scene("tissue", "skimage/data/ihc.png", (0, 0, 512, 512)),
    Scene("motorcycle-rear", "skimage/data/motorcycle_left.png", (60, 130, 400, 430)),
    Scene("motorcycle-front", "skimage/data/motorcycle_left.png", (400, 60, 710, 470)),
    Scene("page", "skimage/data/page.png", (90, 0, 384, 191)),
    Scene("rocket", "skimage/data/rocket.jpg", (200, 60, 440, 427)),
)


@dataclass(frozen=True)
class Disc:
    """Something of one colour that is in the way."""

    centre: tuple[float, ...]
    """Across and down, in 0..1 of the picture."""

    radii: tuple[float, ...]
    """Likewise."""

    colour: tuple[int, ...]
    """Red, green and blue, 0 to 255."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Disc:
        """Draw one at random."""
        return cls(
            centre=tuple(rng.uniform(0, 1, 2).tolist()),
            radii=tuple(rng.uniform(0.1, 0.3, 2).tolist()),
            colour=tuple(rng.integers(40, 180, 3).tolist()),
        )


@dataclass(frozen=True)
class View:
    """How a picture shows its scene: where the camera stands, the light, and what is lost on the way."""

    zoom: float
    """Extent of what is seen, as a share of the largest that lies inside the scene."""

    place: tuple[float, ...]
    """Where it lies: 0 at the left and top of the scene, 1 at the right and bottom."""

    angle: float
    """Rotation in radians."""

    stretch: float
    """Aspect ratio of the picture, relative to that of the scene."""

    lean: tuple[tuple[float, ...], ...]
    """Perspective: how far each corner is out of place, in half sides, clockwise from the top left."""

    longest: int
    """Longest side of the picture, in pixels."""

    exposure: tuple[float, ...]
    """Factors of red, green and blue: 1 changes nothing."""

    gamma: float
    contrast: float
    saturation: float
    """Likewise."""

    disc: Disc | None
    blur: float
    """Radius in pixels."""

    quality: int
    """Of the JPEG file, 1 to 95."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> View:
        """Draw one at random."""
        return cls(
            zoom=rng.uniform(0.5, 1),
            place=tuple(rng.uniform(0.15, 0.85, 2).tolist()),
            angle=np.radians(rng.uniform(-30, 30)),
            stretch=np.exp(rng.uniform(-0.4, 0.4)),
            lean=tuple(map(tuple, rng.uniform(-0.25, 0.25, (4, 2)).tolist())),
            longest=int(rng.integers(*LONGEST_SIDES, endpoint=True)),
            exposure=tuple((rng.uniform(0.5, 1.2) * rng.uniform(0.85, 1.15, 3)).tolist()),
            gamma=np.exp(rng.uniform(-0.5, 0.5)),
            contrast=rng.uniform(0.6, 1.3),
            saturation=rng.uniform(0.5, 1.3),
            disc=Disc.draw(rng) if rng.uniform() < 0.5 else None,
            blur=rng.uniform(0, 3),
            quality=int(rng.integers(20, 90)),
        )

    @classmethod
    def of(cls, scene: Scene, number: int) -> View:
        """The view of a scene with this number: always the same one."""
        return cls.draw(np.random.default_rng([number, *scene.name.encode()]))

    def size(self, scene: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the picture, from those of the scene, in pixels."""
        aspect = self._aspect(scene)
        return round(self.longest * min(aspect, 1)), round(self.longest * min(1 / aspect, 1))

    def corners(self, scene: tuple[int, int]) -> NDArray[np.float64]:
        """What is seen of a scene of this width and height: clockwise from the top left, all inside it, (4, 2)."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        corners = (square + self.lean) * (self._aspect(scene), 1) @ np.array([(cos, sin), (-sin, cos)])
        corners -= corners.min(axis=0)
        corners *= self.zoom * (scene / corners.max(axis=0)).min()
        return corners + self.place * (scene - corners.max(axis=0))

    def _aspect(self, scene: tuple[int, int]) -> float:
        return self.stretch * scene[0] / scene[1]


@dataclass(frozen=True)
class Collection:
    """Where a collection lies."""

    images: Path
    """Folder of the pictures; an id is a path relative to it."""

    ground_truth: Path
    """CSV of id,group."""


def make_collection(folder: Path) -> Collection:
    """Write `images/<scene>/<number>.jpg` and `groups.csv`, each whole or not at all.

    The same versions of numpy and Pillow make the same bytes; files that have them are left alone.

    Raises:
        ConfigError: The photographs are not installed.
    """
    collection = Collection(folder / "images", folder / "groups.csv")
    lines = ["id,group\n"]
    for scene in SCENES:
        for number in range(1, VIEWS + 1):
            image_id = f"{scene.name}/{number}.jpg"
            lines.append(f"{image_id},{scene.name}\n")
            _write(collection.images / image_id, render(scene, View.of(scene, number)))
    _write(collection.ground_truth, "".join(lines).encode())
    return collection


def _write(file: Path, content: bytes) -> None:
    if not file.is_file() or file.read_bytes() != content:
        Location.of(file).write_bytes(content)


def render(scene: Scene, view: View) -> bytes:
    """A view of a scene, as a JPEG file.

    Raises:
        ConfigError: The photograph is not installed.
    """
    # Cropped first, so that interpolation cannot reach into the scene beside it.
    image = _take(_photograph(scene.photograph).crop(scene.box), view)
    if view.disc:
        _cover(image, view.disc)
    image = _light(image, view).filter(ImageFilter.GaussianBlur(view.blur))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=view.quality)
    return file.getvalue()


@lru_cache(maxsize=1)
def _photograph(path: str) -> Image.Image:
    package, _, inside = path.partition("/")
    spec = find_spec(package)  # finds the folder without importing the package
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the demo needs scikit-image: pip install 'osrmac[demo]'")
    try:
        return Image.open(Path(spec.submodule_search_locations[0], inside)).convert("RGB")
    except FileNotFoundError as error:
        raise ConfigError(f"the demo needs {path}, which is not installed: pip install 'osrmac[demo]'") from error


def _take(scene: Image.Image, view: View) -> Image.Image:
    size = view.size(scene.size)
    coefficients = _perspective(size, view.corners(scene.size))
    return scene.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)


def _perspective(size: tuple[int, int], corners: NDArray[np.float64]) -> list[float]:
    """Pillow's eight coefficients (a to h) that take a picture of this size to these corners of the scene.

    (x, y) goes to ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)).
    """
    width, height = size
    rows, values = [], []
    for (x, y), (u, v) in zip([(0, 0), (width, 0), (width, height), (0, height)], corners.tolist(), strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        values += [u, v]
    coefficients: list[float] = np.linalg.solve(rows, values).tolist()
    return coefficients


def _cover(image: Image.Image, disc: Disc) -> None:
    corners = (np.array(disc.centre) + np.outer([-1, 1], disc.radii)) * image.size
    ImageDraw.Draw(image).ellipse(corners.ravel().tolist(), fill=disc.colour)


def _light(image: Image.Image, view: View) -> Image.Image:
    levels = np.linspace(0, 1, 256) ** view.gamma
    curves = np.outer(view.exposure, 255 * levels).clip(0, 255).round().astype(int)
    image = image.point(curves.ravel().tolist())
    image = ImageEnhance.Color(image).enhance(view.saturation)
    return ImageEnhance.Contrast(image).enhance(view.contrast)
