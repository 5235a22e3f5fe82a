"""Runs whose images have columns of the user."""

from collections.abc import Mapping
from unittest.mock import Mock

import pyarrow as pa

from osrmac.config import CollectionConfig
from osrmac.storage import manifest, schema
from osrmac.storage.manifest import Changes
from osrmac.storage.run import Run


def give_columns(run: Run, columns: Mapping[str, Mapping[str, object]]) -> Changes:
    """List the images of a run again, with columns: values by id for each."""
    rows = manifest.read_all(run.manifest, schema.COLLECTION.names)
    for name, values in columns.items():
        rows = rows.append_column(name, pa.array([values.get(image) for image in rows["id"].to_pylist()]))
    return manifest.update(run.manifest, run.descriptors, [rows], Mock(), CollectionConfig(moved=True))
