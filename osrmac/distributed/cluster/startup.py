"""Start Ray while the libraries that a command needs are imported."""

from __future__ import annotations

from osrmac.config import ComputeConfig
from osrmac.distributed.cluster.connect import connect
from osrmac.storage.location import Location
from osrmac.storage.run import Run

__all__ = ["connect_while_importing"]


def connect_while_importing(images: str, run: str, compute: ComputeConfig, module: str) -> None:
    """Connect to Ray and import a module meanwhile.

    Does nothing where Ray may turn out not to be needed: an existing run may be finished, and a missing folder of
    images is an error.

    Args:
        images: Directory, glob, URL or list of images.
        run: Folder or URL of the run.
        compute: The cluster.
        module: Full name of the module that the command is going to import.

    Raises:
        ConfigError: No cluster answers at the address, or Ray cannot start on this machine.
        ClusterError: Ray fails for another reason.
        StorageError: The record of the run cannot be read.
    """
    collection = Location.of(images)
    if Run(run).exists() or (collection.is_local and not collection.exists()):
        return
    connect(compute, meanwhile=module)
