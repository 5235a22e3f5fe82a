"""The collection that queries are ranked against, compared with rankings of all vectors at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osrmac.config import Distance, EvaluationConfig
from osrmac.errors import ConfigError, StorageError
from osrmac.evaluation.benchmark import Benchmark, Query, by_id, by_stem
from osrmac.evaluation.results import Score
from osrmac.reduction.base import Selection
from osrmac.runs import scoring
from osrmac.runs.benchmarks.distractors import find_distractors, require_distractors
from osrmac.runs.methods import Method
from osrmac.runs.scoring import scores
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

RNG = np.random.default_rng(0)
IDS = [f"{number}.jpg" for number in range(9)]
VECTORS = dict(zip(IDS, RNG.normal(size=(9, 4)), strict=True))
OTHERS = dict(zip(IDS[3:], RNG.normal(size=(6, 4)), strict=True))
"""Distractors with the ids of images of the run, but other vectors."""

QUERIES = (
    Query("first", "0.jpg", frozenset({"1.jpg", "3.jpg"}), frozenset({"0.jpg", "5.jpg"})),
    Query("second", "2.jpg", frozenset({"4.jpg", "8.jpg"})),
)
MEASURES = ("mAP", "mAP@all")
IDENTITY: Mapping[str, str] = dict(zip(IDS, IDS, strict=True))
COMMON: dict[str, Any] = {"recipe": "single", "features_in": 4, "seed": 0, "samples": 9, "fitted_on": "/photos"}
REDUCED = Selection(name="single-pfa-2", method="pfa", indices=(1, 3), fingerprint="f", **COMMON)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "run", {"single": VECTORS})


@pytest.fixture
def others(tmp_path: Path) -> Run:
    return tiny_run(tmp_path / "others", {"single": OTHERS}, failed={"broken.jpg": ("decode", "empty")})


def score(run: Run, reduction: Selection | None = None, outside: frozenset[str] = frozenset(), **options: Any) -> Score:
    benchmark = Benchmark("tiny", {"whole": QUERIES}, MEASURES, None, by_id, outside)
    method = Method("m", "m", ("single",), reduction)
    evaluation = EvaluationConfig(benchmark="tiny", **options)  # type: ignore[arg-type]
    (found,) = scores(run, benchmark, run.queries("tiny"), IDENTITY, [method], evaluation)
    return found


def ranking(query: Query, left_out: frozenset[str], columns: list[int], distance: Distance) -> list[str]:
    """Ids of the images by distance; distractors have ids of their own, and junk is left out."""
    vectors = {image: vector for image, vector in VECTORS.items() if image not in left_out | query.junk}
    vectors |= {f"distractor:{image}": vector for image, vector in OTHERS.items()}
    order = 1 if distance == "l1" else 2
    by_distance = {
        image: np.linalg.norm((vector - VECTORS[query.image])[columns], order) for image, vector in vectors.items()
    }
    return sorted(by_distance, key=lambda image: by_distance[image])


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("reduction", [None, REDUCED])
@pytest.mark.parametrize("distance", ["l1", "l2"])
def test_distractors_are_ranked_along_whatever_their_ids(
    run: Run,
    others: Run,
    distance: Distance,
    reduction: Selection | None,
    in_memory: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not in_memory:
        monkeypatch.setattr(scoring, "_IN_MEMORY", 0)
    outside = frozenset({"2.jpg", "7.jpg"})
    found = score(run, reduction, outside, distance=distance, distractors=others.url)
    columns = [0, 1, 2, 3] if reduction is None else [1, 3]
    for query, result in zip(QUERIES, found.results, strict=True):
        ranked = ranking(query, outside, columns, distance)
        assert result.ranks == tuple(sorted(ranked.index(image) for image in query.positives))
        counted = [match for match in result.matches if match.verdict != "junk"][:10]
        assert [match.id for match in counted] == ranked[:10]
        assert {match.id for match in counted if match.verdict == "relevant"} == query.positives & set(ranked[:10])
        hits = [(rank, number) for number, rank in enumerate(result.ranks, 1)]
        assert result.values["mAP@all"] == pytest.approx(100 * sum(number / (rank + 1) for rank, number in hits) / 2)


def test_an_expanded_query_is_averaged_with_what_is_ranked(run: Run, others: Run, tmp_path: Path) -> None:
    """The scores are those of one run of all images that are ranked, and of no others."""
    outside = frozenset({"7.jpg"})
    ranked = {image: vector for image, vector in VECTORS.items() if image not in outside}
    ranked |= {f"distractor:{image}": vector for image, vector in OTHERS.items()}
    merged = tiny_run(tmp_path / "merged", {"single": ranked})
    found = score(run, outside=outside, distractors=others.url, query_expansion=4)
    assert found == score(merged, query_expansion=4)
    assert found != score(merged)


def test_scores_without_distractors_are_the_same_where_nothing_is_left_out(run: Run) -> None:
    assert score(run, outside=frozenset({"absent.jpg"})) == score(run)


def test_distractors_are_counted_with_their_namesakes(run: Run, others: Run) -> None:
    query = Query("q", "a", frozenset({"3"}), frozenset({"8"}))
    benchmark = Benchmark("tiny", {"whole": (query,)}, MEASURES, None, by_stem, frozenset({"5", "broken"}))
    found = find_distractors(run, others.url, benchmark, IDS)
    assert (found.images, found.namesakes) == (6, 3)
    assert str(found) == f"6 of {others.url}, 3 of them named like images of the ground truth"


def test_distractors_that_cannot_be_compared_are_refused(run: Run, others: Run, tmp_path: Path) -> None:
    benchmark = Benchmark("tiny", {"whole": QUERIES}, MEASURES, None, by_id)
    with pytest.raises(ConfigError, match="is the run that is evaluated: name a run of other images"):
        find_distractors(run, run.url, benchmark, IDS)
    with pytest.raises(ConfigError, match=r"'distractor:1' of .* would be mistaken for a distractor"):
        find_distractors(run, others.url, benchmark, [*IDS, "distractor:1"])
    different = tiny_run(tmp_path / "different", {"early": OTHERS})
    with pytest.raises(StorageError, match=r"was made with other settings: .*; describe the distractors with the"):
        require_distractors(run.identity(), different.url)
    with pytest.raises(StorageError, match="no run at"):
        require_distractors(run.identity(), str(tmp_path / "gone"))
    empty = tiny_run(tmp_path / "empty", {"single": {"a": [1, 2, 3, 4]}})
    Path(empty.url, "descriptors").rename(tmp_path / "aside")
    with pytest.raises(StorageError, match="has no descriptors yet"):
        require_distractors(run.identity(), empty.url)


def test_distractors_and_database_augmentation_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="--database-augmentation averages no distractors"):
        EvaluationConfig(distractors="RUN", database_augmentation=2)
