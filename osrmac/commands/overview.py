"""The overview of a run: groups of images that belong together, a map of the collection, and outliers."""

from __future__ import annotations

from osrmac.config import OverviewConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.progress import warn
from osrmac.runs.overview.make import current_overview, make_overview
from osrmac.runs.overview.stored import Overview, load_overview
from osrmac.storage.run import Run

__all__ = ["overview", "refresh_overview"]


def overview(run: str, options: OverviewConfig = OverviewConfig()) -> Overview:
    """Return the overview of a run; one that is missing, out of date or of another sample is made, and written.

    Args:
        run: Folder or URL of a run with descriptors.
        options: Size of the sample, and how it is compared.

    Raises:
        OsrmacError: See `osrmac.runs.overview.make.make_overview`.
    """
    place = Run(run)
    found = load_overview(place)
    if found is not None and found.stale is None and found.facts.sampled == min(options.sample, found.facts.images):
        return found
    return make_overview(place, options)


def refresh_overview(run: Run) -> None:
    """Make the overview of a run if it is missing or out of date; where that is impossible, say so."""
    try:
        current_overview(run)
    except (ConfigError, StorageError) as error:
        warn(f"no new overview: {error}")
