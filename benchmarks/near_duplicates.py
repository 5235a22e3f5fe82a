"""Find edited copies of photographs with `osrmac duplicates`, and with perceptual hashes. Prints JSON.

Each photograph gets ten copies: nine edits, and its mirror image, which is stated apart. All pairs that are linked are
judged. Photographs of one scene are those whose numbers give the same result when they are divided, as in the UKB
benchmark: `--shots 4` puts ukbench00000 to 00003 into one scene; or those that `--ground-truth`, a folder in the layout
of Oxford5k, names for the same landmark. Otherwise no scene is known.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from benchmarks.common import add_backbone, extract, parser, read_images, show
from osrmac.commands.duplicates import Links, find_links
from osrmac.config import DuplicatesConfig

ORIGINAL, MIRRORED = "original", "mirrored"
SAME: tuple[Literal["picture", "scene"], ...] = ("picture", "scene")
HASH_DISTANCES = (4, 6, 8, 10, 12, 14, 16)

Pairs = NDArray[np.int64]


def main() -> None:
    options = parser(__doc__)
    add_backbone(options, "efficientnet_lite0", "auto")
    options.add_argument("images", help="folder of photographs")
    options.add_argument("work", help="new folder for the copies and the run")
    options.add_argument("--limit", type=int, help="photographs to use, evenly spaced (default: all)")
    options.add_argument("--shots", type=int, default=1, help="photographs of each scene, numbered in a row")
    options.add_argument("--ground-truth", help="folder of Oxford5k's or Paris6k's text files")
    options.add_argument("--min-precision", type=float, default=0.99)
    chosen = options.parse_args()
    copies, run = Path(chosen.work) / "copies", str(Path(chosen.work) / "run")
    if not copies.exists():
        for name in read_images(chosen.images, chosen.limit):
            write_copies(Path(chosen.images) / name, copies)
    layers = ("--layers", *chosen.layers) if chosen.layers else ()
    extract(str(copies), run, "--backbone", chosen.backbone, "--weights", chosen.weights, *layers)
    truth = Truth(copies, chosen.shots, landmarks(chosen.ground_truth) if chosen.ground_truth else {})
    result: dict[str, Any] = {"photographs": len(truth.pictures), "images": len(truth.ids)}
    for same in SAME:
        started = time.perf_counter()
        links = find_links(run, DuplicatesConfig(same=same, min_precision=chosen.min_precision))
        took = round(time.perf_counter() - started, 1)
        thresholds = {"distance": links.threshold, "agreement": links.agreement, "pairs compared": links.compared}
        result[same] = {**thresholds, **truth.judge(truth.pairs_of(links)), "seconds": took}
    hashes = np.stack([phash(copies / image) for image in truth.ids])
    apart = (hashes[:, None] != hashes[None]).sum(2)
    result["PHash"] = {distance: truth.judge(np.argwhere(np.triu(apart <= distance, 1))) for distance in HASH_DISTANCES}
    show(result)


def crop(image: Image.Image) -> Image.Image:
    width, height = image.size
    return image.crop((round(0.05 * width), round(0.05 * height), round(0.95 * width), round(0.95 * height)))


def border(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, (image.width // 10, image.height // 10), "white")


def watermark(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    font, centre = ImageFont.load_default(size=image.height // 6), (image.width / 2, image.height / 2)
    ImageDraw.Draw(layer).text(centre, "SAMPLE 2026", font=font, fill=(255, 255, 255, 130), anchor="mm")
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


EDITS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "crop of 5% at each edge": crop,
    "border of 10%": border,
    "rotation of 3 degrees": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "JPEG quality 20": lambda image: image,
    "half size": lambda image: image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS),
    "brightness 1.3": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "grey": lambda image: image.convert("L"),
    "sharpening": lambda image: image.filter(ImageFilter.UnsharpMask(2, 150, 3)),
    "watermark": watermark,
    MIRRORED: ImageOps.mirror,
}


def write_copies(photograph: Path, folder: Path) -> None:
    """Write a photograph and its ten copies, each kind into a folder of its own."""
    with Image.open(photograph) as opened:
        image = opened.convert("RGB")
    for name, edit in {ORIGINAL: None, **EDITS}.items():
        file = folder / name / photograph.name
        file.parent.mkdir(parents=True, exist_ok=True)
        if edit is None:
            file.write_bytes(photograph.read_bytes())
        else:
            edit(image).save(file, quality=20 if "quality" in name else 92)


def landmarks(folder: str) -> dict[str, int]:
    """Number of the landmark that each photograph shows, according to the files of all of its queries."""
    shown: dict[str, int] = {}
    files = [file for file in sorted(Path(folder).glob("*.txt")) if not file.stem.endswith("_query")]
    names = sorted({re.sub(r"_\d+_[a-z]+$", "", file.stem) for file in files})
    for file in files:
        number = names.index(re.sub(r"_\d+_[a-z]+$", "", file.stem))
        shown |= dict.fromkeys(file.read_text().split(), number)
    return shown


class Truth:
    """Which of the images are the same picture, and which show the same scene."""

    def __init__(self, copies: Path, shots: int, landmarks: Mapping[str, int]) -> None:
        self.ids = sorted(f"{file.parent.name}/{file.name}" for file in copies.glob("*/*"))
        self.kinds = np.array([image.partition("/")[0] for image in self.ids])
        self.pictures, self.picture = np.unique([Path(image).name for image in self.ids], return_inverse=True)
        if shots > 1:
            scenes = [int(re.findall(r"\d+", name)[-1]) // shots for name in self.pictures]
        else:
            scenes = [landmarks.get(Path(name).stem, -1 - row) for row, name in enumerate(self.pictures)]
        self.scene = np.array(scenes)[self.picture]
        self.rows = {image: row for row, image in enumerate(self.ids)}

    def pairs_of(self, links: Links) -> Pairs:
        """Rows of the linked images, ascending in each pair."""
        (side,) = links.sides
        ids = side.rows_at(np.arange(len(side)))["id"].to_pylist()
        rows = np.array([self.rows[image] for image in ids])
        return np.sort(rows[links.pairs.positions], 1)

    def judge(self, pairs: Pairs) -> dict[str, Any]:
        """Share of each kind of edit found with its original, and the precision of the pairs without mirror images."""
        linked = set(map(tuple, pairs.tolist()))
        found = {
            kind: round(float(np.mean([pair in linked for pair in self._with_originals(kind)])), 4) for kind in EDITS
        }
        left, right = pairs[(self.kinds[pairs] != MIRRORED).all(1)].T
        same = self.picture[left] == self.picture[right]
        shots = ~same & (self.scene[left] == self.scene[right])
        copies, views, wrong = int(same.sum()), int(shots.sum()), int((~same & ~shots).sum())
        edits = [share for kind, share in found.items() if kind != MIRRORED]
        return {
            "edits found": round(float(np.mean(edits)), 4),
            "by kind": found,
            "pairs": {"of one picture": copies, "of one scene": views, "of two scenes": wrong},
            "precision, other shots left out": round(copies / max(1, copies + wrong), 4),
            "precision, other shots as errors": round(copies / max(1, len(left)), 4),
            "precision of scenes": round((copies + views) / max(1, len(left)), 4),
            "other shots found": self._shots_found(linked),
        }

    def _with_originals(self, kind: str) -> Iterator[tuple[int, ...]]:
        for name in self.pictures:
            yield tuple(sorted((self.rows[f"{kind}/{name}"], self.rows[f"{ORIGINAL}/{name}"])))

    def _shots_found(self, linked: set[tuple[int, ...]]) -> str:
        (originals,) = np.nonzero(self.kinds == ORIGINAL)
        shots = [pair for pair in combinations(originals.tolist(), 2) if self.scene[pair[0]] == self.scene[pair[1]]]
        return f"{sum(pair in linked for pair in shots)} of {len(shots)}"


def phash(file: Path) -> NDArray[np.bool_]:
    import imagehash  # noqa: PLC0415  # an extra that other benchmarks do not need

    with Image.open(file) as image:
        bits: NDArray[np.bool_] = imagehash.phash(image).hash.ravel()
    return bits


if __name__ == "__main__":
    main()
