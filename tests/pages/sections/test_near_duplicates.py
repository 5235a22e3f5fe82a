import numpy as np
import pytest

from osrmac.pages.sections.near_duplicates import near_duplicates_section
from osrmac.retrieval.near_duplicate_thresholds import DistanceHistogram
from osrmac.runs.near_duplicates.calibration import PictureCalibration, SceneCalibration

PICTURES = PictureCalibration(
    method="osrmac",
    distance="l1",
    digest="",
    images=10,
    edits={"crop": ([1.0, 2.0], [0.9, 0.8]), "grey": ([4.0], [0.95])},
    neighbours=([6.0, 8.0], [0.0, 0.25]),
    sampled=2,
)


def scenes() -> SceneCalibration:
    random = np.random.default_rng(0)
    histogram = DistanceHistogram(10.0)
    histogram.add(random.lognormal(np.log(10), 0.1, 100_000).astype(np.float32))
    histogram.add(random.uniform(1, 3, 500).astype(np.float32))
    return SceneCalibration(
        method="osrmac", distance="l1", digest="", images=500, typical=10.0, counts=histogram.counts.tolist()
    )


def charts(*calibrations: PictureCalibration | SceneCalibration) -> list:  # type: ignore[type-arg]
    section = near_duplicates_section(calibrations)
    assert section is not None
    (grid,) = section.blocks
    return list(grid.blocks)  # type: ignore[union-attr]


def test_edits_are_shown_beside_the_nearest_other_images() -> None:
    distances, agreements = charts(PICTURES)
    assert [line.name for line in distances.lines] == ["edited images", "nearest other images"]
    for chart in (distances, agreements):
        for line in chart.lines:
            assert sum(y for _, y in line.points) == pytest.approx(100)
    assert distances.description == "Pixels are compared up to 4."
    assert agreements.description == "Copies agree by 0.80 or more."


def test_pairs_are_shown_beside_the_expected_errors() -> None:
    (chart,) = charts(scenes())
    pairs, errors = chart.lines
    assert pairs.points[-1][1] >= 500
    assert all(error <= number + 1 for (_, number), (_, error) in zip(pairs.points, errors.points, strict=True))
    assert chart.description.startswith("The threshold is ")


def test_without_calibration_there_is_no_section() -> None:
    assert near_duplicates_section([]) is None
