"""The distance up to which a search result is likely to show the scene of its query, from the calibration of a run."""

from __future__ import annotations

from osrmac.config import Distance, DuplicatesConfig
from osrmac.runs.methods import Method
from osrmac.runs.near_duplicates.calibration import SceneCalibration, stored_calibration
from osrmac.runs.near_duplicates.vector_pieces import VectorPieces
from osrmac.runs.scan import torch_device
from osrmac.storage.run import Run

__all__ = ["PRECISION", "scene_cut"]

PRECISION = DuplicatesConfig().min_precision
"""Share of the pairs of images within the distance that are expected to show the same scene."""

_SMALL = 20_000
"""Images up to which a calibration that the run lacks is made, in seconds."""


def scene_cut(run: Run, method: Method, distance: Distance) -> float | None:
    """Return the distance up to which two images likely show the same scene, as `osrmac duplicates --same scene` does.

    The calibration is that of the run, or else is made now and kept in it if the collection is small.

    Returns:
        The distance; None if the collection has no shots of a scene that stand out, is large and has no calibration,
        or if regions are matched.
    """
    if method.best_region:
        return None
    images = VectorPieces.of(run, method)
    found = stored_calibration(run, method, distance, "scene", len(images))
    if found is None and len(images) <= _SMALL:
        # A search by id must not wait for torch where the calibration is there.
        from osrmac.runs.near_duplicates.calibrate import scene_calibration

        found = scene_calibration(images, distance, torch_device("auto"))
    return (found.threshold(PRECISION) or None) if isinstance(found, SceneCalibration) else None
