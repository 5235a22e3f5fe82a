from dataclasses import replace

import pytest

from osrmac.pages.charts import LineChart
from osrmac.pages.components import Grid
from osrmac.pages.sections.features import features_section
from osrmac.reduction.base import Selection
from osrmac.reduction.fitting import STABILITY_SEEDS
from osrmac.tables import Table

SELECTION = Selection(
    name="osrmac-pfa-3",
    method="pfa",
    recipe="osrmac",
    features_in=6,
    seed=0,
    samples=9,
    fitted_on="photos",
    fingerprint="f",
    indices=(0, 1, 5),
    retained_variance=0.95,
    components=2,
    explained_variance=0.96,
    variances=(0.6, 0.36, 0.04, 0.0, 0.0, 0.0),
    stability=0.5,
)


def test_a_selection_is_shown_with_its_variance_its_stability_and_its_layers() -> None:
    section = features_section([SELECTION], {"osrmac": (4, 2)}, ["layer4", "layer3"])
    assert section is not None
    overview, grid = section.blocks
    assert isinstance(overview, Table)
    assert [cell.text for cell in overview.cells[0]] == ["osrmac-pfa-3", "3", "6", "2", "96.00%", "50%", "33%"]
    assert isinstance(grid, Grid)
    chart, layers = grid.blocks
    assert isinstance(chart, LineChart)
    assert chart.lines[0].points == [(1, 60.0), (2, pytest.approx(96)), (3, 100.0), (4, 100.0)]
    assert chart.description == "1 axes hold half of the variance. 2 hold 95%."
    assert isinstance(layers, Table)
    assert [[cell.text for cell in row] for row in layers.cells] == [
        ["layer4", "4", "2", "50%", "67%"],
        ["layer3", "2", "1", "50%", "33%"],
    ]


def test_the_number_of_seeds_is_the_one_that_the_stability_is_measured_with() -> None:
    section = features_section([SELECTION], {}, [])
    assert section is not None
    (overview,) = section.blocks[:1]
    assert isinstance(overview, Table)
    assert f"pairs of {STABILITY_SEEDS} seeds" in " ".join(overview.notes)


def test_a_fit_on_too_few_samples_is_named() -> None:
    section = features_section([replace(SELECTION, samples=5)], {}, [])
    assert section is not None
    (overview,) = section.blocks[:1]
    assert isinstance(overview, Table)
    note = "osrmac-pfa-3 was fitted on 5 descriptors, fewer than the 6 features: do not rely on it."
    assert note in " ".join(overview.notes)


def test_controls_are_not_shown() -> None:
    assert features_section([replace(SELECTION, method="random")], {}, []) is None
    assert features_section([], {}, []) is None


def test_a_selection_without_recorded_variances_has_no_chart() -> None:
    older = replace(SELECTION, variances=None, stability=None)
    section = features_section([older], {"osrmac": (6,)}, ["layer4"])
    assert section is not None
    assert len(section.blocks) == 1
