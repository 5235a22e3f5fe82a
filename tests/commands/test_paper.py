"""The paper's tables of a run."""

from pathlib import Path

import pytest

from osrmac.commands.evaluate import evaluate
from osrmac.commands.fit import fit
from osrmac.commands.paper import paper
from osrmac.config import EvaluationConfig, ReductionConfig
from osrmac.errors import StorageError
from osrmac.storage.run import Run


def test_the_scores_of_a_run_are_set_beside_the_papers_and_stored(with_crops: Run, oxford: str) -> None:
    fit(with_crops.url, ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8))
    evaluate(with_crops.url, EvaluationConfig(benchmark="oxford5k", ground_truth=oxford))
    (table,) = paper(with_crops.url)
    ours = ["single", "early", "osrmac", "osrmac-pfa-32", "osrmac-pfa-32+cam"]
    controls = [f"osrmac-{control}-32{local}" for control in ("random", "variance") for local in ("", "+cam")]
    assert [row.method for row in table.rows] == [*ours, *controls]
    assert all((len(row.spread) > 0) == ("random" in row.method) for row in table.rows)
    assert table.rows[1].measured["cropped"] == 100.0
    assert table.conditions["coverage"] == "26 of 5062 images"
    assert Path(with_crops.evaluation("tables", ".md")).read_text().startswith(table.table().markdown())
    stored = with_crops.evaluation("tables", ".json").read_json()
    assert stored == {"tables": [table.to_json()]}
    assert stored["tables"][0]["rows"][1]["paper"] == 67.77


def test_a_run_without_such_scores_is_refused(run: Run) -> None:
    with pytest.raises(StorageError, match="no scores of holidays"):
        paper(run.url)
