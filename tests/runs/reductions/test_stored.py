from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from osrmac.config import ReductionConfig
from osrmac.errors import ConfigError, DamagedFileError, StorageError
from osrmac.reduction.base import LayerWeighting, Projection, Selection
from osrmac.runs.reductions.reduced_reader import digest
from osrmac.runs.reductions.stored import (
    digests,
    kept_reductions,
    load_reductions,
    settled_recipe,
    training_run,
    wanted_reductions,
    write_reduction,
)
from osrmac.storage.location import Location
from osrmac.storage.run import Identity, Run
from tests.tiny_run import tiny_run

COMMON = {"recipe": "osrmac", "features_in": 3, "seed": 0, "samples": 9, "fitted_on": "/photos", "fingerprint": "f"}


def test_reductions_of_every_kind_are_read_back_in_order_of_name(tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    selection = Selection(name="b", method="pfa", indices=(0, 2), variances=(0.7, 0.3), **COMMON)  # type: ignore[arg-type]
    weighting = LayerWeighting(name="c", method="weights", weights=(1.0, 0.5), parts=(2, 1), **COMMON)  # type: ignore[arg-type]
    axes, offsets = np.random.default_rng(0).normal(size=(2, 3)), np.array([0.25, -1 / 3])
    projection = Projection(name="a", method="whitening", axes=axes, offsets=offsets, **COMMON)  # type: ignore[arg-type]
    for reduction in (selection, weighting, projection):
        write_reduction(run, reduction)
    found, *others = load_reductions(run)
    assert others == [selection, weighting]
    assert isinstance(found, Projection)
    np.testing.assert_array_equal(found.axes, axes)
    np.testing.assert_array_equal(found.offsets, offsets)
    assert (found.name, found.method, found.dimension) == ("a", "whitening", 2)


def test_digests_are_stored_and_those_of_earlier_versions_are_computed(tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    selection = Selection(name="b", method="pfa", indices=(0, 2), **COMMON)  # type: ignore[arg-type]
    projection = Projection(name="a", method="whitening", axes=np.eye(3), offsets=np.zeros(3), **COMMON)  # type: ignore[arg-type]
    expected = {each.name: digest(each) for each in (projection, selection)}
    for reduction in (selection, projection):
        write_reduction(run, reduction)
    assert digests(run) == {name: values["digest"] for name, values in run.selections().items()} == expected
    for name, values in run.selections().items():
        run.selection(name).write_json({key: value for key, value in values.items() if key != "digest"})
    assert digests(run) == expected


def test_a_selection_without_optional_attributes_is_read(tmp_path: Path) -> None:
    run = Run(str(tmp_path))
    random = Selection(name="r", method="random", indices=(1,), **COMMON)  # type: ignore[arg-type]
    write_reduction(run, random)
    values = next(iter(run.selections().values()))
    optional = {"variances", "stability"}
    run.selection("r").write_json({key: value for key, value in values.items() if key not in optional})
    assert load_reductions(run) == [random]


def test_a_projection_that_is_half_written_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, offsets = Run(str(tmp_path)), np.zeros(1)
    old, new = (
        Projection(name="w", method="whitening", axes=np.full((1, 3), value), offsets=offsets, **COMMON)  # type: ignore[arg-type]
        for value in (1.0, 2.0)
    )
    write_reduction(run, old)
    with monkeypatch.context() as killed:
        killed.setattr(Location, "write_json", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_reduction(run, new)
    assert load_reductions(run) == []
    write_reduction(run, new)
    (found,) = load_reductions(run)
    assert isinstance(found, Projection)
    np.testing.assert_array_equal(found.axes, new.axes)


@pytest.mark.parametrize("lost", ["name", "indices", "recipe"])
def test_a_reduction_without_a_necessary_attribute_is_damaged(tmp_path: Path, lost: str) -> None:
    run = Run(str(tmp_path))
    write_reduction(run, Selection(name="r", method="random", indices=(1,), **COMMON))  # type: ignore[arg-type]
    values = run.selections()["r"]
    run.selection("r").write_json({key: value for key, value in values.items() if key != lost})
    with pytest.raises(
        DamagedFileError, match=r"selection/r.json is damaged .* run the osrmac fit or fit-weights again"
    ):
        load_reductions(run)


def identity(folder: Path, *recipes: str) -> Identity:
    vectors = {recipe: {"a.jpg": [[1.0]] if "regions" in recipe else [1.0]} for recipe in recipes}
    return tiny_run(folder, vectors).identity()


@pytest.mark.parametrize(
    ("recipes", "expected"),
    [
        (("single", "osrmac"), "osrmac"),
        (("single",), "single"),
        (("single", "rmac_regions"), "single"),
        (("rmac_regions",), "rmac_regions"),
    ],
)
def test_the_recipe_is_osrmac_or_the_only_one(tmp_path: Path, recipes: tuple[str, ...], expected: str) -> None:
    assert settled_recipe(identity(tmp_path, *recipes), None) == expected


def test_a_recipe_must_be_chosen_among_several_and_exist(tmp_path: Path) -> None:
    several = identity(tmp_path, "single", "early")
    assert settled_recipe(several, "early") == "early"
    with pytest.raises(ConfigError, match="has single, early: choose one of them with --recipe"):
        settled_recipe(several, None)
    with pytest.raises(ConfigError, match="no recipe 'osrmac', only single, early"):
        settled_recipe(several, "osrmac")


def test_a_reduction_is_fitted_on_a_run_of_the_same_settings(tmp_path: Path) -> None:
    run = tiny_run(tmp_path / "run", {"single": {"a.jpg": [1.0]}})
    same = tiny_run(tmp_path / "same", {"single": {"b.jpg": [1.0]}})
    other = tiny_run(tmp_path / "other", {"early": {"b.jpg": [1.0]}})
    assert training_run(run, None) is run
    assert training_run(run, same.url) == same
    with pytest.raises(StorageError, match="made with other settings"):
        training_run(run, other.url)


def test_options_name_reductions_of_the_recipe(tmp_path: Path) -> None:
    described = identity(tmp_path, "single", "rmac_regions")
    assert list(wanted_reductions(described, ReductionConfig(whitening=(1,)))) == [
        *("single-leverage-1", "single-pfa-1", "single-random-1", "single-variance-1", "single-whitening-1")
    ]
    config = ReductionConfig(select=("leverage-centred",), baselines=False, whitening=(1,), power=-0.25)
    assert list(wanted_reductions(described, config)) == ["single-leverage-centred-1", "single-whitening-0.25-1"]
    config = ReductionConfig(recipe="rmac_regions", whitening=(1,))
    assert wanted_reductions(described, config) == {"rmac_regions-whitening-1": ("whitening", 1)}


@pytest.fixture
def reduced(tmp_path: Path) -> Run:
    """A run with a reduction that was fitted on nine descriptors, of which it has more now."""
    run = tiny_run(tmp_path / "run", {"osrmac": {f"{number}.jpg": [number, 1, 2] for number in range(20)}})
    values = COMMON | {"fingerprint": run.identity().fingerprint}
    write_reduction(
        run,
        Selection(name="osrmac-pfa-2", method="pfa", indices=(0, 2), retained_variance=0.9, absolute=True, **values),  # type: ignore[arg-type]
    )
    return run


AS_FITTED = {"features": (2,), "retained_variance": 0.9, "absolute": True}


@pytest.mark.parametrize("options", [{}, {"samples": 9}, {"samples": 12}, {"baselines": False}, {"whitening": (1,)}])
def test_a_reduction_is_kept_though_descriptors_were_added(reduced: Run, options: dict[str, object]) -> None:
    config = ReductionConfig(**AS_FITTED | options)  # type: ignore[arg-type]
    assert list(kept_reductions(reduced, reduced.identity(), config)) == ["osrmac-pfa-2"]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        ({"seed": 2}, "was fitted with --seed 0, not 2"),
        ({"retained_variance": 0.95}, "was fitted with --retained-variance 0.9, not 0.95"),
        ({"absolute": False}, "was fitted with --absolute"),
        ({"samples": 8}, "was fitted on 9 descriptors, not 8"),
    ],
)
def test_a_reduction_that_was_fitted_otherwise_is_not_replaced_unasked(
    reduced: Run, options: dict[str, object], difference: str
) -> None:
    config = ReductionConfig(**AS_FITTED | options)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"^osrmac-pfa-2 {difference}: add --refit to replace it$"):
        kept_reductions(reduced, reduced.identity(), config)
    assert kept_reductions(reduced, reduced.identity(), replace(config, refit=True)) == {}


def test_a_reduction_of_another_collection_or_of_other_descriptors_is_not_replaced_unasked(
    reduced: Run, tmp_path: Path
) -> None:
    (kept,) = load_reductions(reduced)
    config = ReductionConfig(**AS_FITTED, fit_on=reduced.url)  # type: ignore[arg-type]
    assert kept_reductions(reduced, reduced.identity(), config)  # /photos is its own collection
    write_reduction(reduced, replace(kept, fitted_on="/others"))
    with pytest.raises(ConfigError, match="osrmac-pfa-2 was fitted on /others, not /photos: add --refit"):
        kept_reductions(reduced, reduced.identity(), config)
    write_reduction(reduced, replace(kept, fingerprint="another"))
    with pytest.raises(ConfigError, match=r"is of descriptors with the fingerprint another, and the run has .*--refit"):
        kept_reductions(reduced, reduced.identity(), replace(config, fit_on=None))


def test_a_reduction_without_records_of_its_options_is_kept(reduced: Run) -> None:
    (kept,) = load_reductions(reduced)
    assert isinstance(kept, Selection)
    write_reduction(reduced, replace(kept, retained_variance=None, absolute=None))
    assert kept_reductions(reduced, reduced.identity(), ReductionConfig(features=(2,)))
