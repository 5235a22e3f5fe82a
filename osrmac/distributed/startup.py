"""The start of a new run: Ray comes up while the libraries are loaded."""

from __future__ import annotations

from importlib import import_module
from threading import Thread

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster import connect
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["begin"]


def begin(images: str, run: str, compute: ComputeConfig, step: str) -> None:
    """Load the module of a step that describes, and join or start Ray meanwhile, if the run will surely need it.

    A run that is there may be finished, and a folder that is not there will be an error.

    Args:
        images: As for `osrmac.commands.extract.extract`.
        run: Likewise.
        compute: Likewise.
        step: Name of the module.

    Raises:
        StorageError: There is something at `run` that cannot be read.
    """
    collection = Location.of(images)
    if Run(run).exists() or (collection.is_local and not collection.exists()):
        return
    loading = Thread(target=import_module, args=(step,), name="loading")
    loading.start()
    try:
        connect(compute)  # in the main thread, which alone may handle signals
    finally:
        loading.join()
