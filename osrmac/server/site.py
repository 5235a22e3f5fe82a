"""What all requests share: the run, its pictures, the uploads, the user's columns, and the search."""

from __future__ import annotations

import time
from dataclasses import fields

from anyio import CapacityLimiter

from osrmac.config import SearchConfig, ServeConfig
from osrmac.errors import OsrmacError
from osrmac.progress import warn
from osrmac.runs.near_duplicates.stored import StoredDuplicates, load_duplicates
from osrmac.runs.overview.stored import Overview, load_overview
from osrmac.server.cache import Cache
from osrmac.server.columns import Columns
from osrmac.server.current_run import CurrentRun
from osrmac.server.pictures import Pictures
from osrmac.server.scene import SceneCut
from osrmac.server.search import Searcher
from osrmac.server.uploads import Uploads
from osrmac.storage.run import Run

__all__ = ["Site"]

_DECODING = 4
"""Pictures that are decoded at once for pages."""

_FRESH_SECONDS = 10.0
"""Time after which a stored result is read again."""

_FORM = 10_000
"""Bytes of an upload besides its file."""


class Site:
    """What all requests share.

    Args:
        run: Run to serve.
        config: Options of the web application.
        columns: The user's own columns besides those of the run.

    Raises:
        OsrmacError: The run cannot be opened.
    """

    def __init__(self, run: Run, config: ServeConfig, columns: Columns) -> None:
        shared = {field.name for field in fields(SearchConfig)} & {field.name for field in fields(ServeConfig)}
        self.run, self.config = run, config
        self.current = CurrentRun(run, SearchConfig(**{name: getattr(config, name) for name in shared}), columns)
        self.pictures = Pictures(run)
        self.uploads = Uploads(60 * config.keep_uploads)
        self.searcher = Searcher(self.current, self.pictures, self.uploads)
        self.scene_cut = SceneCut()
        self._overviews, self._duplicates = Cache[Overview | None](1), Cache[StoredDuplicates | None](1)
        self.decoding = CapacityLimiter(_DECODING)
        self.name = "/".join(run.record()["images"].rstrip("/").split("/")[-2:])

    @property
    def columns(self) -> Columns:
        """The user's own columns, of the run as it was opened last."""
        return self.current.columns

    def overview(self) -> Overview | None:
        """Return the overview of the run; None if none has been made."""
        return self._overviews.get(self._now(), lambda: load_overview(self.run))

    def duplicates(self) -> StoredDuplicates | None:
        """Return the near-duplicates that were found last; None if they have not been looked for."""
        return self._duplicates.get(self._now(), lambda: load_duplicates(self.run))

    def _now(self) -> tuple[str, int]:
        """Return a key that changes with the run, and every few seconds."""
        return self.current.get().version, int(time.monotonic() / _FRESH_SECONDS)

    @property
    def max_body(self) -> int:
        """Largest size of a request's body, in bytes: of a file, and of the form around it."""
        return self.config.max_upload + _FORM

    def load_network(self) -> None:
        """Load the network ahead of the first upload. Without its weights, images of the run can still be searched."""
        try:
            self.current.get().load_network()
        except OsrmacError as error:
            warn(f"uploaded pictures and parts of pictures cannot be searched for: {error}")
