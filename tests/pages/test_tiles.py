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


LEVERAGE = Method("osrmac-leverage-3", "osrmac + leverage", ("osrmac",), REDUCTION)
SINGLE = Method("single", "single", ("single",))
DIMENSIONS = {"osrmac": 1392, "single": 1280}


def test_a_run_without_scores_has_the_numbers_of_its_images() -> None:
    assert summary_tiles(1200, 0, {}, LEVERAGE, DIMENSIONS) == [
        Tile("1,200", "images to search in"),
        Tile("0", "images left out"),
        Tile("3", "numbers kept per image", "of 1,392\nosrmac + leverage"),
    ]


def test_failures_need_attention() -> None:
    images, failures, _ = summary_tiles(7, 3, {}, SINGLE, DIMENSIONS)
    assert images.value == "7"
    assert failures == Tile("3", "images left out", "could not be described", alarm=True)


def test_the_scores_of_two_benchmarks_are_shown() -> None:
    evaluations = {name: evaluation(value) for name, value in (("a", 50.0), ("b", 60.0), ("c", 70.0))}
    assert summary_tiles(30, 0, evaluations, SINGLE, DIMENSIONS)[2:-1] == [
        Tile("50.00", "of 100, quality of search", "mAP, a, queries: all\nsingle, which searches use"),
        Tile("60.00", "of 100, quality of search", "mAP, b, queries: all\nsingle, which searches use"),
    ]


def test_the_score_is_that_of_searches_beside_the_best_one() -> None:
    scores = [Score(name, name, "all", 4, 1, {"N-S": value}) for name, value in (("early", 3.5), ("single", 3.0))]
    both = Evaluation("ukbench", ("N-S",), "", {}, tuple(scores))
    tile = summary_tiles(30, 0, {"ukbench": both}, SINGLE, DIMENSIONS)[2]
    assert (tile.value, tile.label) == ("3.00", "of 4, quality of search")
    assert tile.note == "N-S, ukbench, queries: all\nsingle, which searches use\nbest: 3.50, early"


def test_a_score_of_another_method_says_so() -> None:
    best = summary_tiles(30, 0, {"a": evaluation(50.0)}, LEVERAGE, DIMENSIONS)[2]
    assert best.note.endswith("\nsingle, the best scored")
    theirs = summary_tiles(30, 0, {"a": evaluation(50.0, rankings="theirs")}, LEVERAGE, DIMENSIONS)[2]
    assert theirs.note.endswith("\nsingle")


def test_a_whole_descriptor_has_its_own_length() -> None:
    whole = Method("osrmac", "osrmac", ("osrmac",))
    assert summary_tiles(1, 0, {}, whole, DIMENSIONS)[-1] == Tile("1,392", "numbers per image", "osrmac, whole")
    regions = Method("rmac_regions+match", "rmac + region match", ("rmac_regions",), regional=True, best_region=True)
    assert summary_tiles(1, 0, {}, regions, {"rmac_regions": 512})[-1].label == "numbers per region"


def test_a_refined_score_says_so() -> None:
    refined = evaluation(50.0, **{"distance": "l1", "re-ranking": "superglobal", "query expansion": "5 neighbours"})
    tile = summary_tiles(30, 0, {"a": refined}, SINGLE, DIMENSIONS)[2]
    assert tile.note.startswith("mAP, a, queries: all, query expansion, re-ranking\n")
