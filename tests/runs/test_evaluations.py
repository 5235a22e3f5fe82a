from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pytest

from osrmac.errors import DamagedFileError
from osrmac.evaluation.results import Evaluation, Score
from osrmac.evaluation.sweep import Point, Sweep
from osrmac.reduction.base import Selection
from osrmac.runs.evaluations import StoredQueryResults, load_evaluations, load_sweeps
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage import schema, shards
from osrmac.storage.run import Run
from osrmac.types import Match, QueryResult

EVALUATION = Evaluation(
    "oxford5k",
    ("mAP", "mP@1"),
    "10 of 5062 images",
    {"distance": "l1"},
    (Score("osrmac-pfa-32", "osrmac + PFA", "whole", 32, 3, {"mAP": 81.5, "mP@1": 100.0}),),
)
SELECTION = Selection(
    name="osrmac-pfa-32",
    method="pfa",
    recipe="osrmac",
    features_in=64,
    seed=0,
    samples=9,
    fitted_on="/photos",
    fingerprint="f",
    indices=tuple(range(32)),
)
SWEEP = Sweep("groups", "mAP", "osrmac", {"distance": "l1"}, (Point("pfa", 32, 0, "whole", 70.0),))


@pytest.fixture
def scored(tmp_path: Path) -> Run:
    run = Run(str(tmp_path))
    run.evaluation("oxford5k", ".json").write_json(EVALUATION.to_json())
    run.evaluation("oxford5k-whole", ".json").write_json(EVALUATION.to_json())
    run.evaluation("groups-sweep", ".json").write_json(asdict(SWEEP))
    run.evaluation("tables", ".json").write_json({"tables": []})
    return run


def test_evaluations_are_read_by_the_name_of_their_files(scored: Run) -> None:
    assert load_evaluations(scored) == {"oxford5k": EVALUATION, "oxford5k-whole": EVALUATION}


@pytest.mark.parametrize(
    ("method", "scored_digest", "marked"),
    [
        ("osrmac-pfa-32", digest(SELECTION), False),
        ("osrmac-pfa-32+cam", digest(SELECTION), False),
        ("osrmac-pfa-32", "that of an earlier fit", True),
        ("osrmac-pfa-16", digest(SELECTION), True),
        ("osrmac-pfa-32", None, False),
    ],
)
def test_scores_of_a_reduction_that_the_run_no_longer_has_are_marked(
    tmp_path: Path, method: str, scored_digest: str | None, marked: bool
) -> None:
    run = Run(str(tmp_path))
    write_reduction(run, SELECTION)
    score = replace(EVALUATION.scores[0], method=method, digest=scored_digest)
    run.evaluation("oxford5k", ".json").write_json(replace(EVALUATION, scores=(score,)).to_json())
    (found,) = load_evaluations(run)["oxford5k"].scores
    assert found == replace(score, earlier_fit=marked)


def test_sweeps_are_read_apart_from_evaluations(scored: Run) -> None:
    assert load_sweeps(scored) == [SWEEP]


def test_an_evaluation_with_other_content_is_damaged(scored: Run) -> None:
    scored.evaluation("oxford5k", ".json").write_json({"scores": "none"})
    with pytest.raises(DamagedFileError, match=r"evaluation/oxford5k.json is damaged .* run osrmac evaluate again"):
        load_evaluations(scored)


def test_a_run_without_evaluations_has_none(tmp_path: Path) -> None:
    assert load_evaluations(Run(str(tmp_path))) == {}
    assert load_sweeps(Run(str(tmp_path))) == []


def row(query: str, value: float, positives: int = 1, **differences: object) -> dict[str, object]:
    stored: dict[str, object] = {
        "system": "single",
        "mode": "cropped",
        "query": query,
        "mAP": value,
        "mP@1": 0.0,
        "positives": positives,
        "first": ["b.jpg"],
        "image": "a.jpg",
        "box": [0.0, 1.0, 2.0, 3.0],
        "ranks": [0],
        "nearest": [{"id": "b.jpg", "verdict": "relevant"}, {"id": "c.jpg", "verdict": "junk"}],
    }
    return stored | differences


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(str(tmp_path))
    rows = [
        row("low", 10.0),
        row("z", 50.0),
        row("y", 50.0),
        row("many", 50.0, positives=2),
        row("foreign", 90.0, image=None, box=None),
        row("other mode", 99.0, mode="whole"),
        row("other method", 99.0, system="early"),
    ]
    table = pa.Table.from_pylist(rows, schema=schema.query_results(["mAP", "mP@1"]))
    shards.write_table(run.evaluation("oxford5k", "-queries.parquet"), table)
    return run


def test_results_are_ranked_by_score_then_positives_then_name(run: Run) -> None:
    results = StoredQueryResults(run, "oxford5k").ranked("single", "cropped", "mAP")
    assert [result.query for result in results] == ["foreign", "many", "y", "z", "low"]


def test_a_stored_result_is_read_as_a_query_result(run: Run) -> None:
    foreign, many, *_ = StoredQueryResults(run, "oxford5k").ranked("single", "cropped", "mAP")
    matches = tuple(
        Match(name, rank, pytest.approx(float("nan"), nan_ok=True), verdict=verdict)  # type: ignore[arg-type]
        for rank, (name, verdict) in enumerate([("b.jpg", "relevant"), ("c.jpg", "junk")], 1)
    )
    assert many == QueryResult("many", matches, "a.jpg", None, (0.0, 1.0, 2.0, 3.0), {"mAP": 50.0}, 2, (0,))
    assert (foreign.image, foreign.box) == (None, None)


def test_mean_precision_is_given_by_label_where_a_method_was_evaluated(run: Run) -> None:
    curves = StoredQueryResults(run, "oxford5k").precision({"single": "Single", "late": "Late"}, "cropped")
    assert curves.keys() == {"Single"}
    assert curves["Single"][0] == 1.0


def test_queries_have_the_groups_that_were_stored(run: Run) -> None:
    file = run.evaluation("oxford5k", "-queries.parquet")
    rows = [
        row("a", 1.0, group=3),
        row("b", 1.0, group=3),
        row("a", 1.0, mode="whole", group=3),
        row("c", 1.0, group=0),
    ]
    shards.write_table(file, pa.Table.from_pylist(rows, schema=schema.query_results(["mAP", "mP@1"])))
    assert StoredQueryResults(run, "oxford5k").groups() == {"a": 3, "b": 3, "c": 0}


def test_groups_that_were_not_stored_are_found_from_the_relevant_images_of_all_methods(run: Run) -> None:
    def of(query: str, image: str | None, *relevant: str, system: str = "single") -> dict[str, object]:
        verdicts = [("wrong one", "wrong"), *((name, "relevant") for name in relevant)]
        nearest = [{"id": name, "verdict": verdict} for name, verdict in verdicts]
        return row(query, 1.0, image=image, nearest=nearest, system=system)

    file = run.evaluation("oxford5k", "-queries.parquet")
    rows = [of("one", "a", "b"), of("two", "c", "d"), of("two", "c", "a", system="early"), of("x", "x"), of("y", None)]
    table = pa.Table.from_pylist(rows, schema=schema.query_results(["mAP", "mP@1"]))
    shards.write_table(file, table.drop_columns(["group"]))
    groups = StoredQueryResults(run, "oxford5k").groups()
    assert groups["one"] == groups["two"]
    assert len(set(groups.values())) == 3


def test_missing_and_early_files_are_not_available(run: Run) -> None:
    assert StoredQueryResults(run, "oxford5k").available
    assert not StoredQueryResults(run, "paris6k").available
    file = run.evaluation("oxford5k", "-queries.parquet")
    shards.write_table(file, shards.read(file).drop_columns(["image", "box", "ranks", "nearest"]))
    assert not StoredQueryResults(run, "oxford5k").available
