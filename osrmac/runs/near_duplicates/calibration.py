"""What the near-duplicates of a run look like, learnt from edited pictures, and kept in the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from osrmac.config import Distance
from osrmac.errors import StorageError
from osrmac.progress import warn
from osrmac.retrieval.near_duplicate_thresholds import DistanceHistogram, agreement_threshold, reach
from osrmac.runs.methods import Method
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.storage.damage import expected_content
from osrmac.storage.location import Location
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run
from osrmac.types import Matrix

__all__ = [
    "PictureCalibration",
    "SceneCalibration",
    "load_calibrations",
    "stored_calibration",
    "vectors_digest",
    "write_calibration",
]

_GROWTH = 0.1
"""Share by which a collection may grow or shrink before its calibration is repeated."""

Same = Literal["picture", "scene"]


@dataclass(frozen=True, kw_only=True)
class _Calibration:
    """Distances of images of a run, and what they depend on.

    Attributes:
        method: Name of the method that images are compared by.
        distance: Distance between two vectors.
        digest: Digest of the method's reduction, and the fingerprint of the descriptors.
        images: Number of described images.
    """

    method: str
    distance: Distance
    digest: str
    images: int

    def is_of(self, digest: str, images: int) -> bool:
        """Return whether the vectors are still those that were compared, and about as many."""
        return self.digest == digest and abs(images - self.images) <= _GROWTH * self.images


@dataclass(frozen=True, kw_only=True)
class PictureCalibration(_Calibration):
    """Edited pictures beside their originals, and images beside their neighbours.

    Attributes:
        edits: For each kind of edit the distances and the agreements of edited pictures with their originals.
        neighbours: Distances and agreements of images with their nearest others.
        sampled: Number of images whose nearest others these are.
    """

    edits: Mapping[str, tuple[list[float], list[float]]]
    neighbours: tuple[list[float], list[float]]
    sampled: int

    same = "picture"

    @property
    def edited(self) -> Matrix:
        """Distances and agreements of all edited pictures, (2, m)."""
        return np.concatenate([np.array(pair, np.float32).reshape(2, -1) for pair in self.edits.values()], 1)

    @property
    def reach(self) -> float:
        """Distance that edited pictures are within."""
        return reach(self.edited[0])

    def agreement(self, min_precision: float) -> tuple[float, float]:
        """Return the least agreement of two copies, and its precision, which may be lower than asked for."""
        distances, agreements = np.array(self.neighbours, np.float32).reshape(2, -1)
        return agreement_threshold(self.edited[1], agreements[distances <= self.reach], self.sampled, min_precision)


@dataclass(frozen=True, kw_only=True)
class SceneCalibration(_Calibration):
    """Histogram of the distances of some images to all others.

    Attributes:
        typical: Median distance of two images.
        counts: Counts of a `DistanceHistogram`.
    """

    typical: float
    counts: list[int]

    same = "scene"

    @property
    def histogram(self) -> DistanceHistogram:
        """The histogram."""
        return DistanceHistogram(self.typical, np.array(self.counts, np.int64))

    def threshold(self, min_precision: float) -> float:
        """Return the largest distance of two shots of a scene."""
        return self.histogram.scene_threshold(self.images, min_precision)


_KINDS: Mapping[str, type[PictureCalibration] | type[SceneCalibration]] = {
    kind.same: kind for kind in (PictureCalibration, SceneCalibration)
}


def vectors_digest(run: Run, method: Method) -> str:
    """Return what the vectors of a method depend on: the fingerprint of the run and the digest of the reduction."""
    reduction = method.reduction
    return run.identity().fingerprint + (f"-{digest(reduction)}" if reduction is not None else "")


def load_calibrations(run: Run) -> list[PictureCalibration | SceneCalibration]:
    """Return all calibrations of a run, in order of name."""
    return list(filter(None, map(_read, run.calibrations.files(".json"))))


def stored_calibration(
    run: Run, method: Method, distance: Distance, same: Same, images: int
) -> PictureCalibration | SceneCalibration | None:
    """Return the calibration of a method, unless there is none, or the vectors have changed since."""
    found = _read(run.calibrations / _name(method.name, distance, same))
    return found if found is not None and found.is_of(vectors_digest(run, method), images) else None


def write_calibration(run: Run, calibration: PictureCalibration | SceneCalibration) -> None:
    """Write a calibration into its run; if the run cannot be written, say so."""
    values = {"same": calibration.same, **asdict(calibration)}
    try:
        with locked(run.location, Part.CALIBRATION):
            (run.calibrations / _name(calibration.method, calibration.distance, calibration.same)).write_json(values)
    except StorageError as error:
        warn(f"the calibration is not kept: {error}")


def _name(method: str, distance: Distance, same: str) -> str:
    return f"{method}-{distance}-{same}.json"


def _read(file: Location) -> PictureCalibration | SceneCalibration | None:
    values = file.read_json()
    if values is None:
        return None
    with expected_content(file.url):
        kind: Any = _KINDS[values.pop("same")]
        lists: dict[str, Any] = {
            name: tuple(value) if name == "neighbours" else value for name, value in values.items()
        }
        if "edits" in lists:
            lists["edits"] = {edit: tuple(pair) for edit, pair in lists["edits"].items()}
        found: PictureCalibration | SceneCalibration = kind(**lists)
        return found
