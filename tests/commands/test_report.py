"""The report of a run, with a section for everything that the run holds."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from osrmac.cli import main
from osrmac.commands.evaluate import evaluate, evaluate_rankings
from osrmac.commands.fit import fit
from osrmac.commands.report import report
from osrmac.commands.sweep import sweep
from osrmac.config import EvaluationConfig, ReductionConfig, SweepConfig
from osrmac.errors import StorageError
from osrmac.runs.failures import DEADLY
from osrmac.storage import shards
from osrmac.storage.run import Run
from tests.pages.html import ParsedPage, parse

SELECTION = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8)


@pytest.fixture
def pairs(tmp_path: Path) -> str:
    lines = [f"copy{n}.png,{n}\n{'odd' if n % 2 else 'even'}/{n:02d}.png,{n}\n" for n in range(5)]
    (tmp_path / "pairs.csv").write_text("id,group\n" + "".join(lines))
    return str(tmp_path / "pairs.csv")


def read(run: Run) -> ParsedPage:
    return parse(run.report.read_bytes().decode())


def titles(page: ParsedPage) -> list[str]:
    """Return the titles of the sections in the navigation bar."""
    links = page.texts[page.texts.index("Report") :]
    return [text for text in links if text in SECTIONS][: len(set(links) & SECTIONS)]


SECTIONS = {
    "Overview",
    "Images left out",
    "Best and worst answers",
    "Right and complete",
    "Scores",
    "How many numbers",
    "Numbers kept",
    "Image sizes",
    "Times",
}


def test_a_run_without_scores_has_a_report(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    main(["report", run.url, "--format", "json"])
    assert json.loads(capsys.readouterr().out) == {"report": f"{run.url}/report.html"}
    page = read(run)
    assert titles(page) == ["Overview", "Images left out", "Image sizes", "Times"]
    assert {"26", "3", "the file is empty", "not an image of a known format"} <= set(page.texts)
    shown = page.values("img", "alt")
    assert len(set(shown[:15])) == 15  # the sample of the collection
    assert {"cut.png", "empty.jpg", "page.jpg"} & set(shown) == {"cut.png"}  # the others cannot be decoded at all
    assert page.texts.index("photos") < page.texts.index("26")
    (subtitle,) = (text for text in page.texts if text.startswith("29 images · "))
    assert subtitle.endswith(run.record()["images"])
    before = run.report.read_bytes()
    report(run.url)
    assert run.report.read_bytes() == before


def test_everything_that_a_run_holds_has_a_section(with_crops: Run, pairs: str, oxford: str) -> None:
    fit(with_crops.url, SELECTION)
    truth = EvaluationConfig(benchmark="groups", ground_truth=pairs)
    evaluate(with_crops.url, truth)
    evaluate(with_crops.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, subset=True))
    sweep(with_crops.url, truth, SweepConfig(sizes=(8, 32), seeds=2))
    report(with_crops.url)
    page = read(with_crops)
    assert set(titles(page)) == SECTIONS
    assert any("Best: groups" in text for text in page.texts)
    assert any("Best: oxford5k" in text for text in page.texts)
    assert "the only right one first · AP 100.00" in page.texts
    assert {"query", "relevant", "beyond", "alarm"} <= set(page.values("li", "class"))
    assert titles(page)[-1] == "Times"
    assert "72.27" in page.texts  # the paper's score
    assert "overlap between seeds" in page.texts
    found = with_crops.selection("osrmac-pfa-32").read_json()
    assert found is not None
    assert 0 < found["stability"] <= 1
    assert sum(found["variances"]) == pytest.approx(1)


def test_stored_query_results_have_the_matches_and_their_verdicts(with_crops: Run, oxford: str) -> None:
    (Path(oxford) / "tower_1_junk.txt").write_text("".join(f"{number:02d}\n" for number in range(20)))
    evaluate(with_crops.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford, subset=True))
    rows = shards.read(with_crops.evaluation("oxford5k", "-queries.parquet")).to_pylist()
    whole = next(row for row in rows if (row["system"], row["mode"]) == ("single", "whole"))
    cropped = next(row for row in rows if (row["system"], row["mode"]) == ("single", "cropped"))
    assert whole["image"] == cropped["image"] == "even/08.png"
    assert whole["box"] is None
    assert cropped["box"] == [0, 0, 73, 120]
    verdicts = {found["id"]: found["verdict"] for found in cropped["nearest"]}
    assert verdicts["half08.png"] == "relevant"
    assert len(verdicts) == 10
    junk = {name for name, verdict in verdicts.items() if verdict == "junk"}
    assert junk
    assert not junk & set(cropped["first"])
    assert cropped["ranks"] == [cropped["first"].index("half08.png")]
    assert "even/08.png" not in verdicts  # the query image, which is junk
    assert {row["group"] for row in rows} == {0}


def test_a_run_of_an_earlier_version_has_a_report_without_what_it_does_not_store(run: Run, pairs: str) -> None:
    fit(run.url, SELECTION)
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    older = run.evaluation("groups", "-queries.parquet")
    shards.write_table(older, shards.read(older).drop_columns(["image", "box", "ranks", "nearest"]))
    selection = run.selection("osrmac-pfa-32").read_json()
    assert selection is not None
    run.selection("osrmac-pfa-32").write_json(
        {key: value for key, value in selection.items() if key not in {"variances", "stability"}},
    )
    report(run.url)
    assert titles(read(run)) == ["Overview", "Images left out", "Scores", "Numbers kept", "Image sizes", "Times"]


def test_foreign_rankings_have_scores_and_curves_but_no_queries(run: Run, oxford: str, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "tower_1.txt").write_text("08\nother\nhalf08\n")
    evaluate_rankings(str(folder), EvaluationConfig(benchmark="oxford5k", ground_truth=oxford), run=run.url)
    report(run.url)
    assert titles(read(run)) == ["Overview", "Images left out", "Right and complete", "Scores", "Image sizes", "Times"]


def test_an_image_that_crashed_a_process_is_not_decoded_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shard = next(path for path in shards.paths(run.descriptors) if "cut.png" in shards.read(path)["id"].to_pylist())
    rows = shards.read(shard)
    reason = [f"{DEADLY} 3 times" if name == "cut.png" else None for name in rows["id"].to_pylist()]
    place = rows.schema.get_field_index("error")
    shards.write_table(shard, rows.set_column(place, rows.schema.field(place), [reason]))
    report(run.url)
    page = read(run)
    assert any(DEADLY in text for text in page.texts)
    assert "cut.png" not in page.values("img", "alt")


def test_a_deleted_image_has_a_placeholder(run: Run, photos: Path, pairs: str, tmp_path: Path) -> None:
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    removed = photos / "copy1.png"
    removed.rename(tmp_path / "aside.png")
    try:
        report(run.url)
    finally:
        (tmp_path / "aside.png").rename(removed)
    assert any("cannot be shown" in text for text in read(run).texts)


def test_a_run_without_descriptors_has_a_report(run: Run, tmp_path: Path) -> None:
    begun = Run(str(tmp_path / "begun"))
    (begun.location / "run.json").write_json(run.record() | {"counts": {}, "stages": {}})
    report(begun.url)
    assert titles(read(begun)) == []


def test_a_match_without_descriptor_has_a_placeholder(run: Run, pairs: str) -> None:
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    for shard in shards.paths(run.descriptors)[:20]:
        Path(shard).unlink()
    report(run.url)
    assert any("cannot be shown" in text for text in read(run).texts)


def test_a_missing_run_is_reported(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no run at"):
        report(str(tmp_path))


def test_the_number_of_thumbnails_does_not_grow_with_the_benchmarks(run: Run, pairs: str) -> None:
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    scores = run.evaluation("groups", ".json").read_json()
    assert scores is not None
    for number in range(9):
        run.evaluation(f"groups-{number}", ".json").write_json(scores)
        results = shards.read(run.evaluation("groups", "-queries.parquet"))
        shards.write_table(run.evaluation(f"groups-{number}", "-queries.parquet"), results)
    report(run.url)
    assert len(read(run).values("img", "alt")) <= 154


def test_the_quality_is_that_of_the_method_that_searches_use(run: Run, pairs: str) -> None:
    run.set_search_method("osrmac", "osrmac")
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    stored = run.evaluation("groups", ".json").read_json()
    assert stored is not None
    for score in stored["scores"]:
        score["values"] = {"mAP": 12.5 if score["system"] == "osrmac+cam" else 87.5}
    run.evaluation("groups", ".json").write_json(stored)
    report(run.url)
    texts = read(run).texts
    assert texts.index("12.50") < texts.index("Times")
    assert any("osrmac + CAM, which searches use" in text and "best: 87.50" in text for text in texts)
    assert any(text == "Best: groups, osrmac + CAM, queries: all" for text in texts)


def test_a_thumbnail_is_small(run: Run, pairs: str) -> None:
    evaluate(run.url, EvaluationConfig(benchmark="groups", ground_truth=pairs))
    report(run.url)
    for source in read(run).values("img", "src"):
        with Image.open(io.BytesIO(base64.b64decode((source or "").split(",")[1]))) as image:
            assert max(image.size) <= 240
