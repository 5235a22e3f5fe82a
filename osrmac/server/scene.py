"""The distance up to which a result likely shows the scene of its query, found in the background."""

from __future__ import annotations

import threading
from functools import partial

from osrmac.errors import OsrmacError
from osrmac.progress import warn
from osrmac.runs.near_duplicates.scene_cut import scene_cut
from osrmac.runs.open_run import OpenRun
from osrmac.server.background import run_in_background

__all__ = ["SceneCut"]


class SceneCut:
    """The distance for the present state of a run; see `osrmac.runs.near_duplicates.scene_cut`."""

    def __init__(self) -> None:
        self._found: tuple[str, float | None] = "", None
        self._sought = ""
        self._lock = threading.Lock()

    def of(self, images: OpenRun) -> float | None:
        """Return the distance; None if there is none, if it is not known yet, or if searches are refined."""
        if images.options.conditions:
            return None
        with self._lock:
            if self._sought != images.version:
                self._sought = images.version
                run_in_background(partial(self.find, images))
            version, distance = self._found
            return distance if version == images.version else None

    def find(self, images: OpenRun) -> None:
        """Find the distance, and keep it."""
        try:
            distance = scene_cut(images.run, images.method, images.options.distance)
        except OsrmacError as error:
            warn(f"results are not divided into likely and similar ones: {error}")
            distance = None
        with self._lock:
            self._found = images.version, distance
