"""What a run is, and what is in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from osrmac.runs.evaluations import load_evaluations
from osrmac.runs.failures import summary
from osrmac.storage import shards
from osrmac.storage.file_names import to_unicode
from osrmac.storage.run import Run

__all__ = ["info"]

_OF_A_SELECTION = ("name", "method", "recipe", "fitted_on", "samples")


def info(run: str) -> dict[str, Any]:
    """What is known of a run, as plain JSON values; images are counted in what is there.

    Raises:
        StorageError: No run.
    """
    place = Run(run)
    record = place.record()
    described, failures = summary(place)
    failed = sum(kind.count for kind in failures)
    return {
        "run": to_unicode(run),
        "images": record["images"],
        "counts": {"planned": record["counts"].get("planned"), "described": described, "failed": failed},
        "failures": [asdict(kind) for kind in failures],
        "descriptor": record["descriptor"],
        "weights": record["weights"],
        "fingerprint": record["fingerprint"],
        "dimensions": record["dimensions"],
        "selections": [_selection(place, found) for found in place.selections()],
        "evaluations": [found.to_json() for found in load_evaluations(place).values()],
        "stages": record["stages"],
        "versions": {"osrmac": record["osrmac"], **record["versions"]},
    }


def _selection(run: Run, found: dict[str, Any]) -> dict[str, Any]:
    if "indices" in found:
        dimension = len(found["indices"])
    elif "weights" in found:
        dimension = found["features_in"]
    else:
        dimension = shards.footer(run.axes(found["name"])).num_rows
    return {"dimension": dimension, **{key: found[key] for key in _OF_A_SELECTION}}
