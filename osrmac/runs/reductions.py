"""Selections, projections and weightings of a run, read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from osrmac.reduction.base import LayerWeighting, Projection, Reduction, Selection
from osrmac.storage import shards
from osrmac.storage.run import Run

__all__ = ["load_reductions", "write"]


def write(run: Run, reduction: Reduction) -> None:
    """Write a selection or weighting as JSON; of a projection the axes as Parquet, one a row."""
    values = asdict(reduction)
    if isinstance(reduction, Projection):
        axes, offsets = values.pop("axes"), values.pop("offsets")
        columns = pa.FixedSizeListArray.from_arrays(pa.array(axes.ravel()), reduction.features_in)
        shards.write_table(run.axes(reduction.name), pa.table({"axis": columns, "offset": offsets}))
    run.write_selection(reduction.name, values)


def load_reductions(run: Run) -> list[Reduction]:
    """All selections, projections and weightings of a run, by name."""
    found: list[Reduction] = []
    for values in run.selections():
        if "indices" in values:
            found.append(Selection(**values | _tuples(values, "indices", "variances")))
        elif "weights" in values:
            found.append(LayerWeighting(**values | _tuples(values, "weights", "parts")))
        else:
            table = shards.read(run.axes(values["name"]))
            axes = np.array(table["axis"].to_pylist())
            found.append(Projection(axes=axes, offsets=table["offset"].to_numpy(), **values))
    return found


def _tuples(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: tuple(values[key]) for key in keys if values.get(key) is not None}
