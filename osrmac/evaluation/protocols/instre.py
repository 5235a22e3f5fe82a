"""INSTRE (Wang and Jiang 2015) with the queries of Iscen et al. (2017), from their MATLAB file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osrmac.errors import BenchmarkError, reason
from osrmac.evaluation.benchmark import Benchmark, PathSuffix, Query

__all__ = ["MODES", "SIZE", "load"]

SIZE = 27_293
"""Number of images, without the 1250 query images."""

MODES = ("cropped", "whole")
"""Query modes: the image cropped to the box of its query (the standard), or the whole image."""

_VARIABLES = ("imlist", "qimlist", "gnd")


def load(ground_truth: Mapping[str, bytes]) -> Benchmark:
    """Return the benchmark: mAP, trapezoidal as in the authors' evaluation, and rectangular.

    Args:
        ground_truth: `gnd_instre.mat` under any file name: `imlist` and `qimlist` (names with folders), and in the
            structure array `gnd` for each query the positions of its relevant images in `imlist`, from 1, and a box.

    Raises:
        BenchmarkError: Several files, no MATLAB file, a missing or malformed part, or boxes that are neither corners
            nor corner and size.
    """
    if len(ground_truth) > 1:
        raise BenchmarkError(f"instre needs one file as its ground truth, gnd_instre.mat, not {len(ground_truth)}")
    ((file, content),) = ground_truth.items()
    truth = _read(file, content)
    images, names = (_names(file, truth[key], key) for key in ("imlist", "qimlist"))
    if len(set(images)) < len(images) or len(set(names)) < len(names):
        raise BenchmarkError(f"{file} names an image twice")
    records = truth["gnd"].ravel()
    if len(records) != len(names) or len(records.dtype.names or ()) < 2:
        raise BenchmarkError(f"{file}: 'gnd' must have the positives and the box of each of the {len(names)} queries")
    boxes = _boxes(file, [record[1] for record in records])
    cropped = tuple(
        Query(name, name, _positives(f"{file}, query {name!r}", record[0], images), box=(left, top, right, bottom))
        for name, record, (left, top, right, bottom) in zip(names, records, boxes.tolist(), strict=True)
    )
    whole = tuple(replace(query, box=None) for query in cropped)
    depth = max(len(PurePosixPath(name).parts) for name in (*images, *names))
    outside = frozenset(names) - frozenset(images)
    modes = {"cropped": cropped, "whole": whole}
    return Benchmark("instre", modes, ("mAP", "mAP@all"), SIZE, naming=PathSuffix(depth), outside=outside)


def _read(file: str, content: bytes) -> dict[str, Any]:
    from scipy.io import loadmat  # noqa: PLC0415  # slow to import, and needed for this benchmark only

    try:
        found: dict[str, Any] = loadmat(io.BytesIO(content), variable_names=_VARIABLES)  # type: ignore[arg-type]  # a file, too
    except Exception as error:  # a damaged file may raise anything
        raise BenchmarkError(f"{file} is not a MATLAB file of version 5: {reason(error)}") from error
    for key in _VARIABLES:
        if not isinstance(found.get(key), np.ndarray):
            raise BenchmarkError(f"{file} has no variable {key!r}")
    return found


def _names(file: str, values: NDArray[Any], key: str) -> list[str]:
    """Return the strings of a cell array."""
    cells = [np.ravel(cell) for cell in values.ravel()]
    if not cells or not all(cell.size == 1 and cell.dtype.kind == "U" for cell in cells):
        raise BenchmarkError(f"{file}: {key!r} must list names")
    return [str(cell[0]).lstrip("/") for cell in cells]


def _positives(where: str, values: Any, images: Sequence[str]) -> frozenset[str]:
    positions = np.ravel(values)
    if positions.dtype.kind not in "iuf" or not positions.size:
        raise BenchmarkError(f"{where} has no positives")
    for position in positions.tolist():
        if position != int(position) or not 1 <= position <= len(images):
            raise BenchmarkError(f"{where}: {position!r} is not a position from 1 to {len(images)}")
    return frozenset(images[int(position) - 1] for position in positions)


def _boxes(file: str, values: Sequence[Any]) -> NDArray[np.float64]:
    """Return the boxes of all queries as left, top, right and bottom, (m, 4).

    Readers of the file disagree on its boxes. Corners have the second one right of and below the first; among many
    boxes with a size instead, some lie further from the origin than they are wide.
    """
    try:
        boxes = np.array([np.ravel(value) for value in values], np.float64)
        valid = boxes.shape == (len(values), 4) and bool(np.isfinite(boxes).all())
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise BenchmarkError(f"{file}: each box must be four numbers")
    corner, other = boxes[:, :2], boxes[:, 2:]
    if (other > corner).all():
        return boxes
    if (other > 0).all():
        return np.hstack([corner, corner + other])
    raise BenchmarkError(f"{file}: the boxes are neither left, top, right, bottom nor left, top, width, height")
