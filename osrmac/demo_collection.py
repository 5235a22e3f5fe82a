"""A small collection with ground truth: simulated views of scenes, cut from photographs that pip packages bundle."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from osrmac.errors import ConfigError
from osrmac.storage.location import Location

__all__ = ["LONGEST_SIDES", "SCENES", "VIEWS", "Collection", "Ellipse", "Scene", "View", "make_collection", "render"]

VIEWS = 5
"""Number of views of each scene."""

LONGEST_SIDES = (500, 640)
"""Smallest and largest longest side of a view, in pixels."""


@dataclass(frozen=True)
class Scene:
    """An object to recognise: a part of a photograph that overlaps no other scene.

    Attributes:
        name: Name of the scene, and its group in the ground truth.
        photograph: Path of the photograph, from the package that installs it.
        box: Left, top, right and bottom edge in pixels of the photograph.
    """

    name: str
    photograph: str
    box: tuple[int, int, int, int]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the scene in pixels."""
        left, top, right, bottom = self.box
        return right - left, bottom - top


# Several photographs give two scenes, as parts of the same photograph are the hardest to distinguish.
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
    Scene("retina", "skimage/data/retina.jpg", (200, 200, 1211, 1211)),
    Scene("moon", "skimage/data/moon.png", (0, 0, 512, 512)),
    Scene("clock", "skimage/data/clock_motion.png", (0, 0, 400, 300)),
    Scene("text", "skimage/data/text.png", (60, 0, 388, 172)),
    Scene("brick", "skimage/data/brick.png", (0, 0, 512, 512)),
    Scene("grass", "skimage/data/grass.png", (0, 0, 512, 512)),
    Scene("gravel", "skimage/data/gravel.png", (0, 0, 512, 512)),
)

_BACKGROUNDS = SCENES
"""Scenes that are seen around others."""


@dataclass(frozen=True)
class Ellipse:
    """An ellipse of one colour that occludes a part of a view.

    Attributes:
        centre: Horizontal and vertical position of its centre, as fractions of the view's width and height.
        radii: Horizontal and vertical radius, as the same fractions.
        colour: Red, green and blue, 0..255.
    """

    centre: tuple[float, ...]
    radii: tuple[float, ...]
    colour: tuple[int, ...]

    @classmethod
    def random(cls, rng: np.random.Generator) -> Ellipse:
        """Return a random ellipse."""
        return cls(
            centre=tuple(rng.uniform(0, 1, 2).tolist()),
            radii=tuple(rng.uniform(0.1, 0.3, 2).tolist()),
            colour=tuple(rng.integers(40, 180, 3).tolist()),
        )


@dataclass(frozen=True)
class View:
    """Camera, light and losses of a simulated photograph of a scene.

    Attributes:
        zoom: Size of the visible quadrilateral, relative to the largest one inside the scene. Above 1, another scene is
            seen around it.
        position: Position of the quadrilateral: 0 at the left or top of the scene, 1 at the right or bottom.
        background: Number in 0..1 that chooses that other scene among those of other photographs.
        angle: Rotation in radians.
        stretch: Aspect ratio of the view, relative to that of the scene.
        perspective: Displacement (x, y) of each corner in half sides, clockwise from the top left, (4, 2).
        longest_side: Longest side of the view in pixels.
        exposure: Factors of red, green and blue.
        gamma: Exponent of the brightness.
        contrast: Factor of the contrast.
        saturation: Factor of the saturation.
        occlusion: Ellipse in front of the scene, or None.
        blur: Radius of the Gaussian blur in pixels.
        quality: Quality of the JPEG file, 1..95.
    """

    zoom: float
    position: tuple[float, ...]
    background: float
    angle: float
    stretch: float
    perspective: tuple[tuple[float, ...], ...]
    longest_side: int
    exposure: tuple[float, ...]
    gamma: float
    contrast: float
    saturation: float
    occlusion: Ellipse | None
    blur: float
    quality: int

    @classmethod
    def random(cls, rng: np.random.Generator) -> View:
        """Return a random view; the order of the draws determines the files of the demo."""
        return cls(
            zoom=np.exp(rng.uniform(np.log(0.6), np.log(1.8))),
            position=tuple(rng.uniform(0.15, 0.85, 2).tolist()),
            background=rng.uniform(),
            angle=np.radians(rng.uniform(-30, 30)),
            stretch=np.exp(rng.uniform(-0.4, 0.4)),
            perspective=tuple(map(tuple, rng.uniform(-0.25, 0.25, (4, 2)).tolist())),
            longest_side=int(rng.integers(*LONGEST_SIDES, endpoint=True)),
            exposure=tuple((rng.uniform(0.5, 1.2) * rng.uniform(0.85, 1.15, 3)).tolist()),
            gamma=np.exp(rng.uniform(-0.5, 0.5)),
            contrast=rng.uniform(0.6, 1.3),
            saturation=rng.uniform(0.5, 1.3),
            occlusion=Ellipse.random(rng) if rng.uniform() < 0.5 else None,
            blur=rng.uniform(0, 3),
            quality=int(rng.integers(20, 90)),
        )

    @classmethod
    def of(cls, scene: Scene, number: int) -> View:
        """Return the view of a scene with this number, always the same."""
        return cls.random(np.random.default_rng([number, *scene.name.encode()]))

    def size(self, scene: tuple[int, int]) -> tuple[int, int]:
        """Return the width and height of the view in pixels, given those of the scene."""
        aspect = self._aspect(scene)
        return round(self.longest_side * min(aspect, 1)), round(self.longest_side * min(1 / aspect, 1))

    def corners(self, scene: tuple[int, int]) -> NDArray[np.float64]:
        """Return the visible quadrilateral of a scene of this size: corners clockwise from the top left, (4, 2)."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        corners = (square + self.perspective) * (self._aspect(scene), 1) @ np.array([(cos, sin), (-sin, cos)])
        corners -= corners.min(axis=0)
        corners *= self.zoom * (scene / corners.max(axis=0)).min()
        return corners + self.position * (scene - corners.max(axis=0))

    def _aspect(self, scene: tuple[int, int]) -> float:
        return self.stretch * scene[0] / scene[1]


@dataclass(frozen=True)
class Collection:
    """Files of the collection.

    Attributes:
        images: Folder of the images; an id is a path relative to it.
        ground_truth: CSV file with the columns id and group.
    """

    images: Path
    ground_truth: Path


def make_collection(folder: Path) -> Collection:
    """Write `images/<scene>/<number>.jpg` and `groups.csv`, each atomically.

    The same versions of NumPy and Pillow make the same bytes. Files with the right content are not written again.

    Args:
        folder: Folder of the collection, created if it is missing.

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
    """Return a view of a scene as the content of a JPEG file.

    Raises:
        ConfigError: The photograph is not installed.
    """
    # Cropped first, so that interpolation does not reach into an adjacent scene.
    object_ = _photograph(scene.photograph).crop(scene.box)
    image = _warp(object_, view)
    others = [other for other in _BACKGROUNDS if other.photograph != scene.photograph]
    behind = others[int(view.background * len(others))]
    background = _photograph(behind.photograph).resize(image.size, Image.Resampling.BICUBIC, behind.box)
    image = Image.composite(image, background, _warp(Image.new("L", object_.size, 255), view))
    if view.occlusion:
        _draw_ellipse(image, view.occlusion)
    image = _adjust_light(image, view).filter(ImageFilter.GaussianBlur(view.blur))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=view.quality)
    return file.getvalue()


@cache
def _photograph(path: str) -> Image.Image:
    package, _, file = path.partition("/")
    spec = find_spec(package)  # locates the folder without importing the package
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("the demo needs scikit-image: pip install 'osrmac[demo]'")
    try:
        return Image.open(Path(spec.submodule_search_locations[0], file)).convert("RGB")
    except FileNotFoundError as error:
        raise ConfigError(f"the demo needs {path}, which is not installed: pip install 'osrmac[demo]'") from error


def _warp(scene: Image.Image, view: View) -> Image.Image:
    size = view.size(scene.size)
    coefficients = _perspective(size, view.corners(scene.size))
    return scene.transform(size, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BICUBIC)


def _perspective(size: tuple[int, int], corners: NDArray[np.float64]) -> list[float]:
    """Return Pillow's eight coefficients a..h of the projective map from an image of this size to these corners.

    The map takes (x, y) to ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)).
    """
    width, height = size
    rows, values = [], []
    for (x, y), (u, v) in zip([(0, 0), (width, 0), (width, height), (0, height)], corners.tolist(), strict=True):
        rows += [(x, y, 1, 0, 0, 0, -u * x, -u * y), (0, 0, 0, x, y, 1, -v * x, -v * y)]
        values += [u, v]
    coefficients: list[float] = np.linalg.solve(rows, values).tolist()
    return coefficients


def _draw_ellipse(image: Image.Image, ellipse: Ellipse) -> None:
    corners = (np.array(ellipse.centre) + np.outer([-1, 1], ellipse.radii)) * image.size
    ImageDraw.Draw(image).ellipse(corners.ravel().tolist(), fill=ellipse.colour)


def _adjust_light(image: Image.Image, view: View) -> Image.Image:
    levels = np.linspace(0, 1, 256) ** view.gamma
    curves = np.outer(view.exposure, 255 * levels).clip(0, 255).round().astype(int)
    image = image.point(curves.ravel().tolist())
    image = ImageEnhance.Color(image).enhance(view.saturation)
    return ImageEnhance.Contrast(image).enhance(view.contrast)
