from pathlib import Path

import numpy as np

from osrmac.reduction.base import LayerWeighting, Projection, Selection
from osrmac.runs.reductions import load_reductions, write
from osrmac.storage.run import Run

COMMON = {"recipe": "osrmac", "features_in": 3, "seed": 0, "samples": 9, "fitted_on": "/photos", "fingerprint": "f"}


def test_reductions_of_every_kind_are_read_back_in_order_of_name(tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    selection = Selection(name="b", method="pfa", indices=(0, 2), variances=(0.7, 0.3), **COMMON)  # type: ignore[arg-type]
    weighting = LayerWeighting(name="c", method="weights", weights=(1.0, 0.5), parts=(2, 1), **COMMON)  # type: ignore[arg-type]
    axes, offsets = np.random.default_rng(0).normal(size=(2, 3)), np.array([0.25, -1 / 3])
    projection = Projection(name="a", method="whitening", axes=axes, offsets=offsets, **COMMON)  # type: ignore[arg-type]
    for reduction in (selection, weighting, projection):
        write(run, reduction)
    found, *others = load_reductions(run)
    assert others == [selection, weighting]
    assert isinstance(found, Projection)
    np.testing.assert_array_equal(found.axes, axes)
    np.testing.assert_array_equal(found.offsets, offsets)
    assert (found.name, found.method, found.dimension) == ("a", "whitening", 2)


def test_a_selection_without_optional_attributes_is_read(tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    random = Selection(name="r", method="random", indices=(1,), **COMMON)  # type: ignore[arg-type]
    write(run, random)
    values = run.selections()[0]
    optional = {"variances", "stability"}
    run.selection("r").write_json({key: value for key, value in values.items() if key not in optional})
    assert load_reductions(run) == [random]
