from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from osrmac.errors import ConfigError
from osrmac.reduction.base import Projection, Selection
from osrmac.reduction.baselines import random_features
from osrmac.runs.methods import choose_method, list_methods, method_digests
from osrmac.runs.reductions.stored import write_reduction
from osrmac.storage.run import Run
from tests.tiny_run import tiny_run

COMMON = {"features_in": 2, "seed": 0, "samples": 2, "fitted_on": "/photos", "fingerprint": "f"}


def selection(name: str, method: str, recipe: str, *indices: int) -> Selection:
    return Selection(name=name, method=method, recipe=recipe, indices=indices, **COMMON)  # type: ignore[arg-type]


def whitening(recipe: str) -> Projection:
    axes, offsets = np.eye(2), np.zeros(2)
    return Projection(
        name=f"{recipe}-whitening-2",
        method="whitening",
        recipe=recipe,
        axes=axes,
        offsets=offsets,
        **COMMON,  # type: ignore[arg-type]
    )


def run_with(folder: Path, *recipes: str) -> Run:
    return tiny_run(folder, {recipe: {"a.jpg": [[1, 0]] if "regions" in recipe else [1, 0]} for recipe in recipes})


def test_a_recipe_its_reductions_and_its_local_descriptors_are_methods(tmp_path: Path) -> None:
    run = run_with(tmp_path, "single", "osrmac", "osrmac_local")
    write_reduction(run, selection("osrmac-pfa-1", "pfa", "osrmac", 1))
    assert {method.name: (method.label, method.recipes) for method in list_methods(run)} == {
        "single": ("single", ("single",)),
        "osrmac": ("osrmac", ("osrmac",)),
        "osrmac-pfa-1": ("osrmac + PFA", ("osrmac",)),
        "osrmac+cam": ("osrmac + CAM", ("osrmac", "osrmac_local")),
        "osrmac-pfa-1+cam": ("osrmac + PFA + CAM", ("osrmac", "osrmac_local")),
        "osrmac_local": ("osrmac_local", ("osrmac_local",)),
    }


def test_regions_are_summed_only_through_a_reduction(tmp_path: Path) -> None:
    run = run_with(tmp_path, "rmac_regions")
    with pytest.raises(ConfigError, match="only vectors of regions"):
        choose_method(run, None)
    write_reduction(run, whitening("rmac_regions"))
    method = choose_method(run, None)
    assert (method.name, method.label) == ("rmac_regions-whitening-2", "rmac + whitening per region")
    assert method.on_reading is method.reduction
    reduced = np.ones((3, 2), np.float32)
    assert method.reduce(reduced) is reduced


def test_regions_are_matched_with_and_without_a_reduction(tmp_path: Path) -> None:
    run = run_with(tmp_path, "rmac_regions", "rmac")
    write_reduction(run, whitening("rmac_regions"))
    assert [(method.name, method.label, method.best_region) for method in list_methods(run)] == [
        ("rmac_regions-whitening-2", "rmac + whitening per region", False),
        ("rmac_regions+match", "rmac + region match", True),
        ("rmac_regions-whitening-2+match", "rmac + whitening per region + region match", True),
        ("rmac", "rmac", False),
    ]
    sums, _, matched, _ = list_methods(run)
    assert (matched.reduction, matched.recipes, matched.digest) == (sums.reduction, sums.recipes, sums.digest)
    assert method_digests(run)[matched.name] == matched.digest


def test_regions_are_matched_where_this_is_asked_for_or_there_is_nothing_else(tmp_path: Path) -> None:
    run = run_with(tmp_path, "rmac_regions")
    assert choose_method(run, None, regions=True).name == "rmac_regions+match"
    with pytest.raises(ConfigError, match="only vectors of regions"):
        choose_method(run, "rmac_regions+match")
    write_reduction(run, whitening("rmac_regions"))
    with pytest.raises(
        ConfigError, match=r"no method rmac_regions\+match in .*: choose from rmac_regions-whitening-2$"
    ):
        choose_method(run, "rmac_regions+match")
    assert choose_method(run, None, regions=True).name == "rmac_regions-whitening-2"
    assert choose_method(run, "rmac_regions+match", regions=True).best_region


def test_a_reduction_is_applied_to_the_vectors(tmp_path: Path) -> None:
    run = run_with(tmp_path, "osrmac")
    write_reduction(run, selection("osrmac-pfa-1", "pfa", "osrmac", 1))
    method = choose_method(run, "osrmac-pfa-1")
    np.testing.assert_array_equal(method.reduce(np.array([[1, 2], [3, 4]], np.float32)), [[2], [4]])
    assert method.on_reading is None


def test_a_random_choice_is_scored_by_twenty_selections(tmp_path: Path) -> None:
    run = run_with(tmp_path, "osrmac", "osrmac_local")
    wide = {"features_in": 9, "seed": 3, "samples": 2, "fitted_on": "/photos", "fingerprint": "f"}
    first = tuple(random_features(9, 4, 3).tolist())
    chosen = Selection(name="osrmac-random-4", method="random", recipe="osrmac", indices=first, **wide)  # type: ignore[arg-type]
    write_reduction(run, chosen)
    for name in ("osrmac-random-4", "osrmac-random-4+cam"):
        method = choose_method(run, name)
        draws = method.draws()
        assert [draw.reduction.seed for draw in draws if draw.reduction] == list(range(3, 23))
        assert draws[0] == replace(method, reduction=chosen)
        assert len({draw.reduction.indices for draw in draws if isinstance(draw.reduction, Selection)}) > 15
    whole = choose_method(run, "osrmac")
    assert whole.draws() == [whole]


def test_the_default_is_what_was_decided_when_reductions_were_fitted(tmp_path: Path) -> None:
    run = run_with(tmp_path, "osrmac", "osrmac_local")
    write_reduction(run, selection("osrmac-pfa-2", "pfa", "osrmac", 0, 1))
    write_reduction(run, selection("osrmac-leverage-1", "leverage", "osrmac", 1))
    for decided in ("osrmac-leverage-1", "osrmac"):
        run.set_search_method("osrmac", decided)
        assert choose_method(run, None).name == f"{decided}+cam"
        assert choose_method(run, None, local=False).name == decided
    run.set_search_method("osrmac", "osrmac-leverage-9")  # removed by hand
    assert choose_method(run, None).name == "osrmac+cam"


def test_without_a_decision_the_default_is_the_longest_pfa_with_local_descriptors(tmp_path: Path) -> None:
    run = run_with(tmp_path, "early", "osrmac", "osrmac_local")
    assert choose_method(run, None).name == "osrmac+cam"
    write_reduction(run, selection("osrmac-pfa-1", "pfa", "osrmac", 1))
    write_reduction(run, selection("osrmac-pfa-2", "pfa", "osrmac", 0, 1))
    write_reduction(run, selection("osrmac-random-2", "random", "osrmac", 0, 1))
    assert choose_method(run, None).name == "osrmac-pfa-2+cam"
    assert choose_method(run, None, local=False).name == "osrmac-pfa-2"


def test_the_first_recipe_is_the_best_without_osrmac(tmp_path: Path) -> None:
    assert choose_method(run_with(tmp_path, "early", "single"), None).name == "early"


def test_an_unknown_method_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    run = run_with(tmp_path, "osrmac", "osrmac_local")
    with pytest.raises(ConfigError, match=r"no method best in .*: choose from osrmac, osrmac\+cam, osrmac_local$"):
        choose_method(run, "best")
    with pytest.raises(ConfigError, match=r"choose from osrmac, osrmac_local$"):
        choose_method(run, "osrmac+cam", local=False)
