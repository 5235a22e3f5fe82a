"""The numbers at the top of a report."""

from osrmac.evaluation.results import Evaluation, Score
from osrmac.pages.components import Tile
from osrmac.pages.tiles import summary_tiles
from osrmac.reduction.base import Selection
from osrmac.runs.methods import Method


def evaluation(value: float, **conditions: str) -> Evaluation:
    return Evaluation("groups", ("mAP",), "", conditions, (Score("single", "single", "all", 4, 1, {"mAP": value}),))


REDUCTION = Selection(
    name="osrmac-leverage-3",
    method="leverage",
    recipe="osrmac",
    features_in=1392,
    indices=(1, 2, 3),
    seed=0,
    samples=9,
    fitted_on="photos",
    fingerprint="f",
)


def test_a_run_without_scores_has_the_numbers_of_its_images() -> None:
    assert summary_tiles(1200, 0, None, {}, None, {}, {}) == [
        Tile("1,200", "images"),
        Tile("0", "could not be described"),
    ]


def test_failures_need_attention() -> None:
    images, failures = summary_tiles(7, 3, 1_500_000, {}, None, {}, {})
    assert images == Tile("10", "images", "1.5 MB")
    assert failures.alarm


def test_scores_length_and_throughput_follow() -> None:
    evaluations = {name: evaluation(value) for name, value in (("a", 50.0), ("b", 60.0), ("c", 70.0))}
    method = Method("osrmac-leverage-3", "osrmac + leverage", ("osrmac",), REDUCTION)
    tiles = summary_tiles(30, 0, None, evaluations, method, {"osrmac": 1392}, {"images": 30, "seconds": 10.0})
    assert tiles[2:] == [
        Tile("50.00", "mAP, a", "single, all"),
        Tile("60.00", "mAP, b", "single, all"),
        Tile("3", "numbers compared per image", "osrmac + leverage, of 1,392"),
        Tile("3.0", "images/s", "30 images in 10.0 s"),
    ]


def test_a_whole_descriptor_has_its_own_length() -> None:
    tiles = summary_tiles(1, 0, None, {}, Method("osrmac", "osrmac", ("osrmac",)), {"osrmac": 1392}, {})
    assert tiles[-1] == Tile("1,392", "numbers compared per image", "osrmac")


def test_a_refined_score_says_so() -> None:
    refined = evaluation(50.0, **{"distance": "l1", "re-ranking": "superglobal", "query expansion": "5 neighbours"})
    (tile,) = summary_tiles(30, 0, None, {"a": refined}, None, {}, {})[2:]
    assert tile == Tile("50.00", "mAP, a", "single, all, query expansion, re-ranking")
