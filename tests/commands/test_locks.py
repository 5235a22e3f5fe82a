"""Every command that writes into a run takes the lock of the part that it writes, and of no other."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from osrmac.commands.evaluate import evaluate, evaluate_rankings
from osrmac.commands.fit import fit
from osrmac.commands.fit_weights import fit_weights
from osrmac.commands.index import index
from osrmac.commands.overview import overview
from osrmac.commands.paper import paper
from osrmac.commands.report import report
from osrmac.commands.sweep import sweep
from osrmac.config import EvaluationConfig, IndexConfig, LayerWeightsConfig, ReductionConfig, SweepConfig
from osrmac.errors import StorageError
from osrmac.reduction.base import Selection
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage.lock import Part, locked
from osrmac.storage.run import Run

WEIGHTS = LayerWeightsConfig(recipe="osrmac", layer_weights=(1.0, 0.5))


def groups(run: Run) -> EvaluationConfig:
    """A benchmark of one group; its ground truth is written beside the run."""
    truth = Path(run.url).with_name("groups.csv")
    truth.write_text("id,group\ncopy0.png,a\neven/00.png,a\n")
    return EvaluationConfig(benchmark="groups", ground_truth=str(truth))


def score_rankings(run: Run) -> None:
    config = groups(run)
    ranking = Path(run.url).with_name("rankings")
    ranking.mkdir(exist_ok=True)
    (ranking / "copy0.png.txt").write_text("even/00.png")
    evaluate_rankings(str(ranking), replace(config, subset=True), run.url)


def compare(run: Run) -> None:
    scores = {"benchmark": "ukbench", "measures": ["score"], "coverage": "", "conditions": {}, "scores": []}
    run.evaluation("ukbench", ".json").write_json(scores)
    paper(run.url)


def index_a_reduction(run: Run) -> None:
    identity = run.identity()
    selection = Selection(
        name="osrmac-pfa-2",
        method="pfa",
        recipe="osrmac",
        features_in=identity.dimensions["osrmac"],
        seed=0,
        samples=26,
        fitted_on="photos",
        fingerprint=identity.fingerprint,
        indices=(0, 2),
    )
    write_reduction(run, selection)
    index(run.url, IndexConfig(method="osrmac-pfa-2"))


COMMANDS: dict[str, tuple[Part, Callable[[Run], object]]] = {
    "fit": (
        Part.REDUCTIONS,
        lambda run: fit(run.url, ReductionConfig(select=("pfa",), features=(8,), baselines=False)),
    ),
    "fit-weights": (Part.REDUCTIONS, lambda run: fit_weights(run.url, options=WEIGHTS)),
    "fit-weights on a benchmark": (
        Part.EVALUATIONS,
        lambda run: fit_weights(run.url, groups(run), LayerWeightsConfig(recipe="osrmac")),
    ),
    "evaluate": (Part.EVALUATIONS, lambda run: evaluate(run.url, groups(run))),
    "evaluate --rankings": (Part.EVALUATIONS, score_rankings),
    "sweep": (Part.EVALUATIONS, lambda run: sweep(run.url, groups(run), SweepConfig(recipe="osrmac", sizes=(8,)))),
    "paper": (Part.EVALUATIONS, compare),
    "index": (Part.INDEX, index_a_reduction),
    "overview": (Part.OVERVIEW, lambda run: overview(run.url)),
    "report": (Part.REPORT, lambda run: report(run.url)),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_refused_while_another_writes_the_same_part(command: str, run: Run) -> None:
    part, call = COMMANDS[command]
    with locked(run.location, part), pytest.raises(StorageError, match=f"writes its {part.name.lower()}"):
        call(run)


@pytest.mark.parametrize("command", ["fit", "evaluate", "report"])
def test_a_command_runs_while_other_parts_are_written(command: str, run: Run) -> None:
    part, call = COMMANDS[command]
    others = [other for other in Part if other is not part]
    with locked(run.location, others[0]), locked(run.location, others[1]):
        call(run)
    assert not [file.name for file in run.location.files() if file.name.startswith("lock")][2:]
