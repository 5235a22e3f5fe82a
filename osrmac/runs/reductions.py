"""The reductions of a run: selections, projections and layer weightings."""

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
    """Write a reduction as JSON; the axes of a projection go into a Parquet file, one axis a row."""
    values = asdict(reduction)
    if isinstance(reduction, Projection):
        axes, offsets = values.pop("axes"), values.pop("offsets")
        columns = pa.FixedSizeListArray.from_arrays(pa.array(axes.ravel()), reduction.features_in)
        shards.write_table(run.axes(reduction.name), pa.table({"axis": columns, "offset": offsets}))
    run.selection(reduction.name).write_json(values)


def load_reductions(run: Run) -> list[Reduction]:
    """Read all reductions of a run, in order of name."""
    return [_load(run, values) for values in run.selections()]


def _load(run: Run, values: Mapping[str, Any]) -> Reduction:
    if "indices" in values:
        return Selection(**{**values, **_tuples(values, "indices", "variances")})
    if "weights" in values:
        return LayerWeighting(**{**values, **_tuples(values, "weights", "parts")})
    table = shards.read(run.axes(values["name"]))
    return Projection(axes=np.array(table["axis"].to_pylist()), offsets=table["offset"].to_numpy(), **values)


def _tuples(values: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return some attributes as tuples, where JSON has lists."""
    return {key: tuple(values[key]) for key in keys if values.get(key) is not None}
