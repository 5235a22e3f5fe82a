"""What all requests share: the run, its pictures, the uploads, the user's columns, and the search."""

from __future__ import annotations

from dataclasses import fields

from anyio import CapacityLimiter

from osrmac.config import SearchConfig, ServeConfig
from osrmac.errors import OsrmacError
from osrmac.progress import note
from osrmac.server.columns import Columns
from osrmac.server.current_run import CurrentRun
from osrmac.server.pictures import Pictures
from osrmac.server.search import Searcher
from osrmac.server.uploads import Uploads
from osrmac.storage.run import Run

__all__ = ["Site"]

_DECODING = 4
"""Pictures that are decoded at once for pages."""

_FORM = 10_000
"""Bytes of an upload besides its file."""


class Site:
    """What all requests share.

    Args:
        run: Run to serve.
        config: Options of the web application.
        columns: The user's own columns.

    Raises:
        OsrmacError: The run cannot be opened.
    """

    def __init__(self, run: Run, config: ServeConfig, columns: Columns) -> None:
        shared = {field.name for field in fields(SearchConfig)} & {field.name for field in fields(ServeConfig)}
        self.run, self.config, self.columns = run, config, columns
        self.current = CurrentRun(run, SearchConfig(**{name: getattr(config, name) for name in shared}))
        self.pictures = Pictures(run)
        self.uploads = Uploads(60 * config.keep_uploads)
        self.searcher = Searcher(self.current, self.pictures, self.uploads, columns)
        self.decoding = CapacityLimiter(_DECODING)
        self.name = "/".join(run.record()["images"].rstrip("/").split("/")[-2:])

    @property
    def max_body(self) -> int:
        """Largest size of a request's body, in bytes: of a file, and of the form around it."""
        return self.config.max_upload + _FORM

    def load_network(self) -> None:
        """Load the network ahead of the first upload. Without its weights, images of the run can still be searched."""
        try:
            self.current.get().load_network()
        except OsrmacError as error:
            note(f"uploaded pictures and parts of pictures cannot be searched for: {error}")
