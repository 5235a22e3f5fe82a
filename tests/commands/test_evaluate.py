import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from osrmac.commands.evaluate import evaluate, evaluate_rankings
from osrmac.commands.fit import fit
from osrmac.config import (
    BenchmarkConfig,
    ComputeConfig,
    Distance,
    EvaluationConfig,
    ReductionConfig,
    ScoreSheetConfig,
)
from osrmac.errors import BenchmarkError, ConfigError, StorageError
from osrmac.evaluation.results import Evaluation
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.reductions.stored import load_reductions
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

REDUCTION = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8)


def name(number: int) -> str:
    return f"{'even' if number % 2 == 0 else 'odd'}/{number:02d}.png"


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    """Ground truth: each of the first five pictures and its copy."""
    lines = [f"{name(number)},{number}\ncopy{number}.png,{number}\n" for number in range(5)]
    (tmp_path / "groups.csv").write_text("id,group\n" + "".join(lines))
    return str(tmp_path / "groups.csv")


@pytest.fixture
def revisited(tmp_path: Path) -> str:
    """The left half of picture 08 is easy to find by its box, the copy of picture 00 is hard."""
    truth = {
        "imlist": ["half08", "01", "copy0"],
        "qimlist": ["08", "00"],
        "gnd": [
            {"bbx": [0, 0, (90 + 7 * 8) // 2, 120], "easy": np.array([0]), "hard": [], "junk": [1]},
            {"bbx": [0, 0, 90, 120], "easy": [], "hard": np.array([2]), "junk": []},
        ],
    }
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(truth))
    return str(tmp_path / "gnd_roxford5k.pkl")


def values(found: Evaluation) -> dict[tuple[str, str], float]:
    return {(score.method, score.mode): score.values[found.measures[0]] for score in found.scores}


def test_every_method_ranks_copies_first(run: Run, photos: Path, pairs: str) -> None:
    fit(run.url, REDUCTION)
    found = evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    of_both = ("osrmac", "osrmac-pfa-32", "osrmac-random-32", "osrmac-variance-32")
    methods = ("single", "early", "osrmac_local", *of_both, *(f"{method}+cam" for method in of_both))
    assert values(found) == {(method, "all"): 100.0 for method in methods}
    assert found.coverage == "26 images"

    stored = json.loads(Path(run.evaluation("groups", ".json")).read_text())
    assert (stored["measures"], stored["distance"], stored["backbone"]) == (["mAP"], "l1", "resnet18")
    assert stored["selections fitted on"] == str(photos)
    assert stored["scores"][0] == {
        "system": "single",
        "label": "single",
        "mode": "all",
        "dimension": 512,
        "queries": 10,
        "digest": None,
        "values": {"mAP": 100.0},
    }
    (pfa,) = [reduction for reduction in load_reductions(run) if reduction.method == "pfa"]
    digests = {score["system"]: score["digest"] for score in stored["scores"]}
    assert digests["osrmac-pfa-32"] == digests["osrmac-pfa-32+cam"] == digest(pfa)
    assert digests["osrmac"] is None
    rows = pq.read_table(run.evaluation("groups", "-queries.parquet")).to_pylist()
    assert len(rows) == len(methods) * 10
    first = next(row for row in rows if row["query"] == "copy1.png")
    assert first["mAP"] == 100.0
    assert first["first"][0] == "odd/01.png"
    assert len(first["first"]) == 10
    assert "copy1.png" not in first["first"]


def test_the_collections_that_reductions_were_fitted_on_are_listed(
    run: Run, other: Run, photos: Path, pairs: str
) -> None:
    truth = EvaluationConfig(benchmark="groups", ground_truth=pairs)
    assert "selections fitted on" not in evaluate(run.url, truth).conditions
    fit(run.url, replace(REDUCTION, baselines=False))
    fit(run.url, ReductionConfig(recipe="early", select=("pfa",), features=(8,), baselines=False, fit_on=other.url))
    found = evaluate(run.url, truth)
    assert found.conditions["selections fitted on"] == f"other photos (early-pfa-8), {photos} (osrmac-pfa-32)"


@pytest.mark.parametrize("distance", ["l2", "cosine"])
def test_copies_rank_first_by_other_distances(run: Run, pairs: str, distance: Distance) -> None:
    found = evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs, distance=distance))
    assert values(found)["osrmac", "all"] == 100.0
    assert found.conditions["distance"] == distance


def test_the_smaller_of_the_global_and_the_local_distance_counts(run: Run, pairs: str) -> None:
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    rows = pq.read_table(run.evaluation("groups", "-queries.parquet")).to_pylist()
    found = next(row["first"] for row in rows if (row["system"], row["query"]) == ("osrmac+cam", "copy1.png"))
    sides = [shards.read_vectors(shards.paths(run.descriptors), recipe) for recipe in ("osrmac", "osrmac_local")]
    ids = sides[0].ids
    row = ids.index("copy1.png")
    smaller = np.minimum(*(np.abs(side.values - side.values[row]).sum(axis=1) for side in sides))
    expected = [ids[other] for other in np.lexsort((ids, smaller)) if other != row]
    assert found == expected[:10]


def test_refinements_change_rankings_and_are_recorded(run: Run, pairs: str) -> None:
    truth = EvaluationConfig(benchmark="groups", ground_truth=pairs, query_expansion=3, database_augmentation=2)
    plain = evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    averaged = evaluate(run.url, truth)
    assert averaged.conditions["query expansion"] == "3 neighbours, alpha 3"
    assert averaged.conditions["database augmentation"] == "2 neighbours, alpha 3"
    assert [a.results for a in averaged.scores] != [p.results for p in plain.scores]
    reranked = evaluate(run.url, replace(truth, rerank="superglobal", rerank_top=10, rerank_neighbours=2))
    assert reranked.conditions["re-ranking"] == "superglobal, 10 nearest, K 2, beta 0.15"
    assert [r.results for r in reranked.scores] != [a.results for a in averaged.scores]
    stored = json.loads(Path(run.evaluation("groups", ".json")).read_text())
    assert stored["re-ranking"] == "superglobal, 10 nearest, K 2, beta 0.15"


def test_regions_are_matched_unless_images_are_averaged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The query's object fills the second region of its positive, and is nowhere in the other image."""
    regions = {"a.jpg": np.eye(3)[:1], "b.jpg": np.eye(3)[[1, 0, 2]], "c.jpg": np.array([[0.6, 0.8, 0]])}
    sums = {name: vectors.sum(axis=0) / np.linalg.norm(vectors.sum(axis=0)) for name, vectors in regions.items()}
    run = tiny_run(tmp_path / "run", {"rmac": sums, "rmac_regions": regions})
    (tmp_path / "groups.csv").write_text("id,group,query\na.jpg,1,1\nb.jpg,1,0\nc.jpg,2,0\n")
    truth = EvaluationConfig(benchmark="groups", ground_truth=str(tmp_path / "groups.csv"), queries=("marked",))
    found = {score.method: score.values["mAP"] for score in evaluate(run.url, truth).scores}
    assert found == {"rmac": 25, "rmac_regions+match": 100}
    assert not capsys.readouterr().err.count("not scored")
    averaged = evaluate(run.url, replace(truth, database_augmentation=1))
    assert [score.method for score in averaged.scores] == ["rmac"]
    assert "not scored with --database-augmentation, which needs one vector an image: rmac_regions+match" in (
        capsys.readouterr().err
    )


def test_cropped_queries_are_described_once(finished_with_crops: Run, oxford: str) -> None:
    (shard,) = shards.paths(finished_with_crops.queries("oxford5k"))
    before = Path(shard).stat().st_mtime_ns
    found = evaluate(finished_with_crops.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford))
    assert Path(shard).stat().st_mtime_ns == before
    assert values(found)["osrmac", "cropped"] == 100.0
    assert {score.mode for score in found.scores} == {"cropped", "whole"}
    assert found.coverage == "26 of 5062 images"

    crops = shards.read_vectors([shard], "osrmac")
    whole = shards.read_vectors(shards.paths(finished_with_crops.descriptors), "osrmac")
    assert crops.ids == ["tower_1"]
    half = whole.values[whole.ids.index("half08.png")]
    np.testing.assert_allclose(crops.values[0], half, atol=1e-5)


@pytest.mark.integration
def test_revisited_queries_are_cropped_and_removed_from_the_collection(
    run: Run, revisited: str, one_worker: ComputeConfig
) -> None:
    found = evaluate(run.url, EvaluationConfig(benchmark="roxford5k", ground_truth=revisited), one_worker)
    assert found.measures == ("mAP", "mP@1", "mP@5", "mP@10")
    assert found.coverage == "24 of 4993 images"
    easy, medium, hard = (score for score in found.scores if score.method == "osrmac")
    # Each query's own half or copy comes first, once the query images are out of the way.
    assert {(score.mode, score.queries, score.values["mAP"]) for score in (easy, hard)} == {
        ("easy", 1, 100.0),
        ("hard", 1, 100.0),
    }
    assert (medium.mode, len(medium.results), medium.values["mP@1"]) == ("medium", 2, 100.0)
    assert shards.read_vectors(shards.paths(run.queries("roxford5k")), "osrmac").ids == ["00", "08"]

    stored = json.loads(Path(run.evaluation("roxford5k", ".json")).read_text())
    assert stored["measures"] == list(found.measures)
    assert stored["scores"][0]["values"] == {"mAP": 100.0, "mP@1": 100.0, "mP@5": 100.0, "mP@10": 100.0}
    rows = pq.read_table(run.evaluation("roxford5k", "-queries.parquet")).to_pylist()
    assert {row["mP@10"] for row in rows} == {100.0}
    assert not {"even/00.png", "even/08.png"} & {image for row in rows for image in row["first"]}


def test_missing_images_are_an_error_unless_a_subset_is_accepted(run: Run, pairs: str) -> None:
    with Path(pairs).open("a") as file:
        file.write("cut.png,3\nvanished.png,7\neven/08.png,7\n")
    truth = EvaluationConfig(benchmark="groups", ground_truth=pairs)
    with pytest.raises(BenchmarkError, match=r"2 of the 13 images .* first 'cut\.png'"):
        evaluate(run.url, truth)
    found = evaluate(run.url, replace(truth, subset=True))
    assert {score.queries for score in found.scores} == {10}
    assert values(found)["osrmac", "all"] == 100.0


def test_an_evaluation_that_cannot_work_is_refused_in_one_line(run: Run, pairs: str, tmp_path: Path) -> None:
    here = run.url
    for url, options, kind, message in (
        (here, {}, ConfigError, "--benchmark"),
        (here, {"benchmark": "imagenet"}, BenchmarkError, "unknown benchmark 'imagenet'"),
        (here, {"benchmark": "oxford5k"}, BenchmarkError, "--ground-truth"),
        (
            here,
            {"benchmark": "rparis6k", "ground_truth": pairs},
            BenchmarkError,
            r"a CSV of groups: .* gnd_rparis6k\.pkl",
        ),
        (here, {"benchmark": "groups", "ground_truth": "no.csv"}, StorageError, r"no\.csv does not exist"),
        (here, {"benchmark": "groups", "ground_truth": pairs, "queries": ("cropped",)}, BenchmarkError, "mode"),
        (here, {"benchmark": "holidays"}, BenchmarkError, "1491"),
        (str(tmp_path), {"benchmark": "ukbench"}, StorageError, "no run"),
    ):
        with pytest.raises(kind, match=message) as caught:
            evaluate(url, EvaluationConfig(**options))
        assert "\n" not in str(caught.value)


def test_a_query_without_a_ranking_is_an_error(tmp_path: Path, oxford: str) -> None:
    (tmp_path / "theirs").mkdir()
    for file in ("AP.txt", "tower_2_top.txt"):
        (tmp_path / "theirs" / file).write_text("half08\n")
    with pytest.raises(BenchmarkError, match=r"first 'tower_1': add tower_1\.txt"):
        evaluate_rankings(str(tmp_path / "theirs"), EvaluationConfig(benchmark="oxford5k", ground_truth=oxford))


def test_rankings_may_be_named_after_the_query_with_top(tmp_path: Path, oxford: str) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "tower_1_top.txt").write_text("08\nother\nhalf08\n")
    truth = EvaluationConfig(benchmark="oxford5k", ground_truth=oxford)
    found = evaluate_rankings(str(folder), truth, run=str(tmp_path / "run"))
    # Junk aside, the one positive is second: the mean of precisions 0/1 and 1/2.
    assert values(found) == {("theirs", "cropped"): 25.0, ("theirs", "whole"): 25.0}
    assert (tmp_path / "run" / "evaluation" / "oxford5k-theirs.json").exists()


@pytest.mark.integration
def test_a_collection_larger_than_memory_gets_the_same_scores(
    run: Run, pairs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(run.url, replace(REDUCTION, baselines=False))
    options = EvaluationConfig(benchmark="groups", ground_truth=pairs, query_expansion=2)
    found = evaluate(run.url, options)
    monkeypatch.setattr("osrmac.runs.scoring._IN_MEMORY", 0)
    assert evaluate(run.url, options) == found


def test_distractors_are_ranked_along_and_stored_apart(
    run: Run, other: Run, pairs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The distractors are copies of half of the images, so that each query finds two of its own images first."""
    truth = EvaluationConfig(benchmark="groups", ground_truth=pairs)
    evaluate(run.url, truth)
    plain = run.evaluation("groups", ".json").read_bytes()
    capsys.readouterr()
    found = evaluate(run.url, replace(truth, distractors=other.url))
    assert run.evaluation("groups", ".json").read_bytes() == plain
    assert found.coverage == "26 images + 13 distractors"
    words = f"13 of {other.url}, 8 of them named like images of the ground truth"
    assert found.conditions["distractors"] == words
    assert f"distractors: {words}; they count as irrelevant" in capsys.readouterr().err
    score = next(score for score in found.scores if score.method == "osrmac")
    by_query = {result.query: result for result in score.results}
    # Picture 01 and its copy, which is tied with the distractor of the same file: 1 or 1/4, trapezoidal, on average.
    assert by_query["odd/01.png"].values["mAP"] == pytest.approx(100 * (1 + 1 / 4) / 2)
    assert [match.id for match in by_query["odd/01.png"].matches[:2]] == ["copy1.png", "distractor:copy1.png"]
    assert json.loads(Path(run.evaluation("groups-distractors", ".json")).read_text())["coverage"] == found.coverage


def test_scores_for_other_evaluations_give_the_same_score_again(run: Run, pairs: str, tmp_path: Path) -> None:
    file = tmp_path / "new" / "scores.json"
    truth = EvaluationConfig(benchmark="groups", ground_truth=pairs, distance="l2")
    sheet = ScoreSheetConfig(scores=str(file), scores_method="early")
    found = evaluate(run.url, truth, scores_file=sheet)
    stored = json.loads(file.read_text())
    assert (len(stored), {len(scores) for scores in stored.values()}) == (10, {26})
    assert stored["copy1.png"]["copy1.png"] == 0 > stored["copy1.png"]["even/08.png"]
    again = evaluate_rankings(str(file), truth)
    assert values(again)["scores.json", "all"] == values(found)["early", "all"]
    one = next(score for score in found.scores if score.method == "early")
    assert [result.values for result in again.scores[0].results] == [result.values for result in one.results]
    assert run.copies()[str(file)].items() >= {"kind": "list", "method": "early", "images": 26}.items()
    with pytest.raises(ConfigError, match="no method best"):
        evaluate(run.url, truth, scores_file=replace(sheet, scores_method="best"))


def test_images_outside_of_a_collection_are_removed_from_given_rankings(tmp_path: Path) -> None:
    (tmp_path / "solution.csv").write_text("id,images,Usage\nq1,a,Public\nq2,b,Public\nx,None,Ignored\n")
    (tmp_path / "scores.json").write_text('{"q1": {"q2": 9, "x": 8, "a": 7}, "q2": {"c": 9, "b": 9, "q1": 9}}')
    truth = BenchmarkConfig(benchmark="gldv2", ground_truth=str(tmp_path / "solution.csv"))
    (score,) = evaluate_rankings(str(tmp_path / "scores.json"), truth).scores
    assert [result.values["mAP@100"] for result in score.results] == [100.0, pytest.approx(75)]


def test_a_box_of_another_image_size_is_refused_before_anything_is_described(run: Run, revisited: str) -> None:
    truth = pickle.loads(Path(revisited).read_bytes())
    truth["gnd"][0]["bbx"] = [0, 0, 1024, 768]
    Path(revisited).write_bytes(pickle.dumps(truth))
    with pytest.raises(
        BenchmarkError, match=r"query '08' of roxford5k, 0 0 1024 768, does not fit its image of 146x120"
    ):
        evaluate(run.url, EvaluationConfig(benchmark="roxford5k", ground_truth=revisited))
    assert not run.queries("roxford5k").exists()
