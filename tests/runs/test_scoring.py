from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.config import EvaluationConfig
from osrmac.errors import BenchmarkError
from osrmac.evaluation.benchmark import Benchmark, Query, by_id
from osrmac.evaluation.results import Score
from osrmac.reduction.base import Selection
from osrmac.reduction.baselines import random_features
from osrmac.retrieval.expansion import average
from osrmac.retrieval.reranking import superglobal
from osrmac.runs import scan, scoring
from osrmac.runs.methods import Method
from osrmac.runs.refinement import expansion
from osrmac.runs.scan import LocalComparison, Scan
from osrmac.runs.scoring import query_results, scores
from osrmac.storage.run import Run
from osrmac.types import DistanceBlock, Matrix
from tests.tiny_run import tiny_run

IDS = [f"{number}.jpg" for number in range(9)]
VECTORS = dict(zip(IDS, np.random.default_rng(0).normal(size=(9, 4)), strict=True))
QUERIES = (
    Query("first", "0.jpg", frozenset({"1.jpg", "2.jpg"}), frozenset({"0.jpg"})),
    Query("second", "3.jpg", frozenset({"4.jpg", "8.jpg"}), frozenset({"3.jpg", "5.jpg"})),
)
BENCHMARK = Benchmark("tiny", {"whole": QUERIES}, ("mAP", "mP@1"), None, by_id)
SINGLE = Method("single", "single", ("single",))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": VECTORS}, failed={"broken.jpg": ("decode", "the file is empty")})


def scored(run: Run, benchmark: Benchmark = BENCHMARK, **options: Any) -> list[Score]:
    evaluation = EvaluationConfig(**options)
    return list(scores(run, benchmark, run.queries("tiny"), dict(zip(IDS, IDS, strict=True)), [SINGLE], evaluation))


def computed_blocks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Record the ids of each block whose distances are computed."""
    computed: list[tuple[str, ...]] = []
    compute = Scan.distances

    def recorded(self: Scan, queries: list[Matrix]) -> Iterator[DistanceBlock]:
        for block in compute(self, queries):
            computed.append(tuple(block[1]))
            yield block

    monkeypatch.setattr(Scan, "distances", recorded)
    return computed


@pytest.mark.parametrize("in_memory", [True, False])
def test_the_distances_of_a_small_collection_are_computed_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(scoring, "_IN_MEMORY", 0)
    computed = computed_blocks(monkeypatch)
    scored(run)
    assert sorted(image for block in computed for image in block) == IDS
    assert len(computed) == 1 if in_memory else len(computed) > 1


@pytest.mark.parametrize("in_memory", [True, False])
def test_distances_over_the_limit_are_computed_again_and_give_the_same_scores(
    run: Run, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    expected = scored(run)
    if not in_memory:
        monkeypatch.setattr(scoring, "_IN_MEMORY", 0)
    monkeypatch.setattr(scan, "_KEPT_DISTANCES", 20)
    computed = computed_blocks(monkeypatch)
    assert scored(run) == expected
    assert sorted(image for block in computed for image in block) == sorted(IDS * 2)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("options", [{}, {"query_expansion": 2}])
def test_matches_of_regions_are_scored_like_distances_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool, options: dict[str, int]
) -> None:
    if not in_memory:
        monkeypatch.setattr(scoring, "_IN_MEMORY", 0)
    rng = np.random.default_rng(1)
    regions = {name: rng.normal(size=(1 + number % 4, 4)) for number, name in enumerate(IDS)}
    run = tiny_run(tmp_path / "run", {"rmac_regions": regions}, failed={"broken.jpg": ("decode", "empty")})
    method = Method("rmac_regions+match", "", ("rmac_regions",), regional=True, best_region=True)
    ids = dict(zip(IDS, IDS, strict=True))
    evaluation = EvaluationConfig(benchmark="tiny", **options)  # type: ignore[arg-type]
    (score,) = scores(run, BENCHMARK, run.queries("tiny"), ids, [method], evaluation)

    totals = {name: vectors.sum(axis=0) / np.linalg.norm(vectors.sum(axis=0)) for name, vectors in regions.items()}

    def ranked(query: Matrix) -> list[str]:
        nearest = {name: np.abs(vectors - query).sum(axis=1).min() for name, vectors in regions.items()}
        return sorted(IDS, key=nearest.__getitem__)

    for query, result in zip(QUERIES, score.results, strict=True):
        vector = totals[query.image]
        if options:
            neighbours = np.stack([totals[name] for name in ranked(vector)[:2]])
            vector = average(vector[None], neighbours[None], 3.0)[0]
        counted = [image for image in ranked(vector) if image not in query.junk]
        assert result.ranks == tuple(sorted(counted.index(image) for image in query.positives))
    assert (score.method, score.dimension) == ("rmac_regions+match", 4)


def test_results_are_ranked_and_judged(run: Run) -> None:
    (score,) = scored(run)
    values = np.stack(list(VECTORS.values())).astype(np.float32)
    for query, result in zip(QUERIES, score.results, strict=True):
        distances = np.abs(values - values[IDS.index(query.image)]).sum(axis=1)
        ranking = [IDS[index] for index in np.argsort(distances)]
        counted = [image for image in ranking if image not in query.junk]
        assert result.ranks == tuple(sorted(counted.index(image) for image in query.positives))
        assert [match.id for match in result.matches] == [image for image in ranking if image != query.image]
        verdicts = {match.id: match.verdict for match in result.matches}
        assert {image for image, verdict in verdicts.items() if verdict == "relevant"} == query.positives
        assert {image for image, verdict in verdicts.items() if verdict == "junk"} == query.junk - {query.image}
        assert (result.image, result.positives, set(result.values)) == (query.image, 2, {"mAP", "mP@1"})
    assert score.values["mAP"] == pytest.approx(np.mean([result.values["mAP"] for result in score.results]))


@pytest.mark.parametrize(
    "options",
    [
        {"database_augmentation": 2},
        {"rerank": "superglobal", "rerank_top": 5, "rerank_neighbours": 2},
        {"rerank": "superglobal", "query_expansion": 2, "database_augmentation": 3},
    ],
)
def test_refined_scores_do_not_depend_on_the_memory(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    expected = scored(run, **options)
    assert expected[0].results != scored(run)[0].results
    monkeypatch.setattr(expansion, "_GATHERED", 1)
    assert scored(run, **options) == expected
    monkeypatch.setattr(scoring, "_IN_MEMORY", 0)
    assert scored(run, **options) == expected
    monkeypatch.setattr(scan, "_KEPT_DISTANCES", 20)
    assert scored(run, **options) == expected


def test_re_ranked_images_come_first_and_no_rank_is_lost(run: Run) -> None:
    (score,) = scored(run, rerank="superglobal", rerank_top=4, rerank_neighbours=2)
    values = np.stack(list(VECTORS.values())).astype(np.float32)
    for query, result in zip(QUERIES, score.results, strict=True):
        vector = values[IDS.index(query.image)]
        order = np.argsort(np.abs(values - vector).sum(axis=1))
        scores = superglobal(vector, values[order[:4]], 2, 0.15)
        ranking = [IDS[row] for row in [*order[:4][np.argsort(-scores)], *order[4:]]]
        assert [match.id for match in result.matches] == [image for image in ranking if image != query.image]
        counted = [image for image in ranking if image not in query.junk]
        assert result.ranks == tuple(sorted(counted.index(image) for image in query.positives))


def test_a_query_image_outside_of_the_collection_takes_part_in_nothing(run: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"query_expansion": 2, "rerank": "superglobal", "rerank_top": 4}
    outside = replace(BENCHMARK, outside=frozenset({"3.jpg"}))
    found = scored(run, outside, **options)[0].results[0]
    without = {image: vector for image, vector in VECTORS.items() if image != "3.jpg"}
    alone = tiny_run(tmp_path / "alone", {"single": without})
    first = replace(BENCHMARK, modes={"whole": QUERIES[:1]})
    assert found == scored(alone, first, **options)[0].results[0]
    assert found != scored(run, **options)[0].results[0]
    # Its own vector is still that of its query.
    query = scored(run, outside, query_expansion=2)[0].results[1]
    assert {match.id for match in query.matches} == without.keys()


def test_a_query_that_has_no_vector_is_refused(run: Run) -> None:
    broken = Benchmark("tiny", {"whole": (Query("first", "broken.jpg", frozenset({"1.jpg"})),)}, ("mAP",), None, by_id)
    with pytest.raises(BenchmarkError, match=r"'broken\.jpg' could not be described"):
        list(scores(run, broken, run.queries("tiny"), {"broken.jpg": "broken.jpg"}, [SINGLE], EvaluationConfig()))


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("rerank", [None, "superglobal"])
@pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])
def test_identical_images_score_the_same_whatever_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distance: Any, rerank: Any, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr(scoring, "_IN_MEMORY", 0)
    names = [f"{number:02d}" for number in range(32)]
    identical = tiny_run(tmp_path / "run", {"single": dict.fromkeys(names, VECTORS["0.jpg"])}, rows_per_shard=5)
    evaluation = EvaluationConfig(distance=distance, rerank=rerank)
    found: list[Score] = []
    for others in ({"00"}, {"09"}, {"31"}):
        query = Query("10", "10", frozenset(others), frozenset({"10"}))
        benchmark = Benchmark("tiny", {"whole": (query,)}, ("mAP", "mP@1", "mP@5", "mP@10"), None, by_id)
        ids = dict(zip(names, names, strict=True))
        found += scores(identical, benchmark, identical.queries("tiny"), ids, [SINGLE], evaluation)
    # The relevant image is at each of 31 ranks with equal probability.
    average_precision = (1 + sum(1 / (2 * rank) for rank in range(2, 32))) / 31
    assert found[0].values["mAP"] == pytest.approx(100 * average_precision)
    assert found[0].values["mP@1"] == pytest.approx(100 / 31)
    assert found[0].values == found[1].values == found[2].values


def test_tied_images_are_ranked_by_id_and_scored_by_the_mean_over_their_orders() -> None:
    tied = [("", ["a", "b", "c", "q"], np.array([[1, 1, 1, 0]], np.float32))]
    query = Query("q", "q", frozenset({"c"}), frozenset({"q"}))
    benchmark = Benchmark("tiny", {"whole": (query,)}, ("mAP",), None, by_id)
    (result,) = query_results(benchmark, [query], LocalComparison(tied), {name: name for name in "abcq"})
    assert result.ranks == (2,)
    assert result.values["mAP"] == pytest.approx(100 * (1 + 1 / 4 + 1 / 6) / 3)
    assert [(match.id, match.tied) for match in result.matches] == [("a", True), ("b", True), ("c", True)]


def test_the_score_of_a_random_choice_is_the_mean_over_its_selections(run: Run) -> None:
    fields: dict[str, Any] = {"recipe": "single", "features_in": 4, "samples": 9, "fitted_on": "", "fingerprint": "f"}
    chosen = [
        Selection(
            name=f"random-{seed}", method="random", seed=seed, indices=tuple(random_features(4, 2, seed)), **fields
        )
        for seed in range(3)
    ]
    methods = [Method(each.name, "random", ("single",), each) for each in chosen]
    drawn = replace(methods[0], seeds=3)
    ids = dict(zip(IDS, IDS, strict=True))
    *alone, together = scores(run, BENCHMARK, run.queries("tiny"), ids, [*methods, drawn], EvaluationConfig())
    assert together.values["mAP"] == pytest.approx(np.mean([each.values["mAP"] for each in alone]))
    assert together.spread is not None
    assert together.spread["mAP"] == pytest.approx(np.std([each.values["mAP"] for each in alone], ddof=1))
    assert together.seeds == 3
