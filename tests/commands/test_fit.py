from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from osrmac.commands.export import export
from osrmac.commands.fit import fit
from osrmac.config import ExportConfig, ReductionConfig, fingerprint
from osrmac.errors import ConfigError, StorageError
from osrmac.reduction.base import Reduction, Selection
from osrmac.reduction.pfa import PrincipalFeatureAnalysis
from osrmac.reduction.whitening import PCAWhitening
from osrmac.runs.methods import choose_method
from osrmac.runs.reductions.reduced_reader import digest, read_shard
from osrmac.runs.reductions.stored import load_reductions, write_reduction
from osrmac.storage import shards
from osrmac.storage.run import Run

CONFIG = ReductionConfig(select=("pfa",), features=(32,), retained_variance=0.8)


def fit_selections(run: Run, config: ReductionConfig) -> list[Selection]:
    found = fit(run.url, config)
    assert all(isinstance(reduction, Selection) for reduction in found)
    return [reduction for reduction in found if isinstance(reduction, Selection)]


def whole(run: Run, recipe: str = "osrmac") -> shards.Vectors:
    return shards.read_vectors(shards.paths(run.descriptors), recipe)


def test_a_fit_on_all_descriptors_equals_one_in_memory(run: Run) -> None:
    (pfa, random, variance) = fit_selections(run, CONFIG)
    together = PrincipalFeatureAnalysis(32, retained_variance=0.8).fit(whole(run).values)
    np.testing.assert_array_equal(pfa.indices, together.indices_)
    assert (pfa.name, pfa.components, pfa.samples) == ("osrmac-pfa-32", together.n_components_, 26)
    assert pfa.explained_variance is not None
    assert pfa.explained_variance >= 0.8
    assert (random.name, variance.name) == ("osrmac-random-32", "osrmac-variance-32")
    by_variance = np.argsort(whole(run).values.astype(np.float64).var(axis=0))[-32:]
    assert set(variance.indices) == set(by_variance)


def test_a_fit_on_samples_is_reproducible(run: Run) -> None:
    config = replace(CONFIG, samples=8, seed=3)
    (first, *_) = fit_selections(run, config)
    drawn = np.sort(np.random.default_rng(3).choice(26, 8, replace=False))
    expected = PrincipalFeatureAnalysis(32, retained_variance=0.8, random_state=3).fit(whole(run).values[drawn])
    np.testing.assert_array_equal(first.indices, expected.indices_)
    assert first.samples == 8


def test_a_reduction_records_what_it_was_fitted_on(run: Run, photos: Path) -> None:
    (pfa, *_) = fit_selections(run, CONFIG)
    assert (pfa.fitted_on, pfa.fingerprint) == (str(photos), run.identity().fingerprint)
    assert pfa in load_reductions(run)


def test_reduced_shards_have_the_selected_features(run: Run) -> None:
    (pfa, *_) = fit_selections(run, CONFIG)
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.reduced(pfa.name))).sort_by("id")
    assert table["id"].to_pylist() == whole(run).ids
    assert table.schema.field("vector").type == pa.list_(pa.float32(), 32)
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), pfa.apply(whole(run).values))


def modified(run: Run) -> dict[str, int]:
    files = [*Path(run.url, "selection").iterdir(), *Path(run.reduced("osrmac-pfa-32")).iterdir()]
    return {str(file): file.stat().st_mtime_ns for file in files}


def test_a_second_fit_does_nothing(run: Run) -> None:
    first = fit_selections(run, CONFIG)
    before = modified(run)
    assert fit(run.url, CONFIG) == first
    assert modified(run) == before


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 1}, "fitted with --seed 0, not 1"),
        ({"retained_variance": 0.7}, "fitted with --retained-variance 0.8, not 0.7"),
        ({"absolute": True}, "fitted without --absolute"),
        ({"samples": 10}, "fitted on 26 descriptors, not 10"),
    ],
)
def test_other_options_replace_a_reduction_on_request_only(run: Run, change: dict[str, float], difference: str) -> None:
    fit(run.url, CONFIG)
    before = modified(run)
    asked = replace(CONFIG, **change)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"osrmac-pfa-32 was {difference}: add --refit to replace it"):
        fit(run.url, asked)
    assert modified(run) == before
    (pfa, *_) = fit_selections(run, replace(asked, refit=True))
    assert all(modified(run)[file] > time for file, time in before.items())
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.reduced(pfa.name))).sort_by("id")
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), pfa.apply(whole(run).values))


@pytest.fixture
def grow(run: Run, tmp_path: Path) -> Callable[[], None]:
    """A function that adds two images to the run, which lacks them until then."""
    hidden = [shard for shard in shards.paths(run.descriptors) if shards.described_ids(shard)][:2]
    for shard in hidden:
        Path(shard).rename(tmp_path / shard.name)

    def add() -> None:
        for shard in hidden:
            (tmp_path / shard.name).rename(shard)

    return add


def reduced_by(run: Run) -> set[str]:
    """Digests of the reductions that the reduced shards were written by."""
    folder = run.reduced("osrmac-pfa-32")
    return {shards.read_metadata(shard)["osrmac.selection"] for shard in shards.paths(folder)}


def test_a_reduction_is_kept_as_images_are_added(
    run: Run, grow: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    first = fit_selections(run, CONFIG)
    before = modified(run)
    grow()
    capsys.readouterr()
    assert fit(run.url, CONFIG) == first
    after = modified(run)
    assert after.items() > before.items()  # two reduced shards were added
    assert len(after) == len(before) + 2
    assert capsys.readouterr().err == (
        f"osrmac-pfa-32 and 2 more were fitted on 24 descriptors of {first[0].fitted_on} and are kept: the run has 26 "
        "now, --refit fits them again\n"
    )
    fit(run.url, replace(CONFIG, samples=24))
    assert "kept" not in capsys.readouterr().err


def test_a_reduction_is_fitted_again_on_request(run: Run, grow: Callable[[], None]) -> None:
    (first, *_) = fit_selections(run, CONFIG)
    grow()
    (again, *_) = fit_selections(run, replace(CONFIG, refit=True))
    assert (first.samples, again.samples) == (24, 26)
    assert reduced_by(run) == {digest(again)} != {digest(first)}


def test_only_missing_reductions_are_fitted(run: Run, grow: Callable[[], None]) -> None:
    fit(run.url, CONFIG)
    grow()
    found = fit(run.url, replace(CONFIG, features=(32, 16), baselines=False))
    assert [(each.name, each.samples) for each in found] == [("osrmac-pfa-32", 24), ("osrmac-pfa-16", 26)]


@pytest.mark.integration
def test_a_refit_that_was_killed_between_two_reductions_is_continued(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fit(run.url, replace(CONFIG, seed=1))
    config = replace(CONFIG, refit=True)

    def kill_at_the_last(place: Run, reduction: Reduction) -> None:
        if reduction.name == "osrmac-variance-32":
            raise KeyboardInterrupt
        write_reduction(place, reduction)

    with monkeypatch.context() as killed:
        killed.setattr("osrmac.commands.fit.write_reduction", kill_at_the_last)
        with pytest.raises(KeyboardInterrupt):
            fit(run.url, config)
    (pfa, *others) = load_reductions(run)
    assert [found.seed for found in (pfa, *others)] == [0, 0, 1]
    assert reduced_by(run) != {digest(pfa)}
    shard = shards.paths(run.descriptors)[0]
    whole = shards.read_vectors([shard], "osrmac").values
    np.testing.assert_array_equal(read_shard(run, shard, "osrmac", pfa).values, pfa.apply(whole))

    with pytest.raises(ConfigError, match="osrmac-variance-32 was fitted with --seed 1, not 0: add --refit"):
        fit(run.url, CONFIG)
    assert fit_selections(run, config)[0] == pfa
    assert reduced_by(run) == {digest(pfa)}


@pytest.mark.integration
def test_exports_of_an_earlier_fit_are_named(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(run.url, CONFIG)
    export(run.url, str(tmp_path / "out"), ExportConfig(to="npy", method="osrmac-pfa-32"))
    fit(run.url, replace(CONFIG, features=(16,)))
    assert "export" not in capsys.readouterr().err
    fit(run.url, replace(CONFIG, seed=1, refit=True))
    assert f"1 export is stale, first {tmp_path}/out (of an earlier osrmac-pfa-32)" in capsys.readouterr().err


def test_a_quarter_of_the_features_is_the_default(run: Run) -> None:
    (pfa, *_) = fit_selections(run, ReductionConfig(select=("pfa",), retained_variance=0.8))
    assert (pfa.recipe, len(pfa.indices)) == ("osrmac", 768 // 4)


FEW = "were fitted on 26 descriptors, fewer than the 768 features: do not rely on them; search compares osrmac unless"


def test_a_fit_on_too_few_descriptors_is_named_and_search_compares_whole_descriptors(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [found.name for found in fit(run.url, ReductionConfig(features=(32,), retained_variance=0.8))]
    assert names == ["osrmac-leverage-32", "osrmac-pfa-32", "osrmac-random-32", "osrmac-variance-32"]
    assert f"osrmac-leverage-32 and 1 more {FEW}" in capsys.readouterr().err
    assert run.search_methods() == {"osrmac": "osrmac"}
    assert choose_method(run, None, local=False).name == "osrmac"


def test_the_method_to_search_by_is_decided_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ReductionConfig(features=(32,), retained_variance=0.8, baselines=False)
    fit(run.url, replace(config, select=("pfa",)))
    monkeypatch.setattr(
        "osrmac.runs.reductions.search_method.shortage", lambda _: None
    )  # as if there were many descriptors
    fit(run.url, config)
    assert run.search_methods() == {"osrmac": "osrmac"}
    fit(run.url, replace(config, refit=True))
    assert run.search_methods() == {"osrmac": "osrmac-leverage-32"}
    assert choose_method(run, None, local=False).name == "osrmac-leverage-32"
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.reduced("osrmac-leverage-32")))
    np.testing.assert_allclose(np.linalg.norm(table["vector"].to_pylist(), axis=1), 1, rtol=1e-6)


def test_a_first_fit_that_was_killed_is_not_taken_for_one_of_an_early_version(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_after_the_first(place: Run, reduction: Reduction) -> None:
        write_reduction(place, reduction)
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr("osrmac.commands.fit.write_reduction", kill_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            fit(run.url, CONFIG)
    assert [found.name for found in load_reductions(run)] == ["osrmac-pfa-32"]
    fit(run.url, CONFIG)
    assert run.search_methods() == {"osrmac": "osrmac"}


def test_a_run_fitted_by_an_early_version_is_searched_as_before(run: Run) -> None:
    fit(run.url, CONFIG)
    record = run.record()
    del record["search"]
    (run.location / "run.json").write_json(record)
    fit(run.url, replace(CONFIG, select=("leverage", "pfa")))
    assert run.search_methods() == {"osrmac": "osrmac-pfa-32"}


def test_a_published_projection_is_a_reduction_like_any_other(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(8, 768)), rng.normal(size=8)
    file = tmp_path / "layer.npz"
    np.savez(file, weight=weight, bias=bias)
    config = replace(CONFIG, baselines=False, projection=str(file))
    found = fit(run.url, config)[-1]
    assert (found.name, found.method, found.fitted_on) == ("osrmac-projection-8", "projection", str(file))
    expected = whole(run).values @ weight.T + bias
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(found.apply(whole(run).values), expected, atol=1e-5)
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.reduced(found.name))).sort_by("id")
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), expected, atol=1e-5)
    assert fit(run.url, config)[-1].name == found.name
    np.savez(file, weight=-weight)
    with pytest.raises(
        ConfigError, match=r"osrmac-projection-8 was read from .*layer\.npz, and .* differs: add --refit"
    ):
        fit(run.url, config)
    np.savez(file, weight=weight[:, 1:])
    with pytest.raises(ConfigError, match=r"layer\.npz takes 767 numbers, and osrmac has 768"):
        fit(run.url, config)


def test_whitening_of_another_power_is_kept_beside_the_usual_one(run: Run) -> None:
    config = replace(CONFIG, baselines=False, whitening=(4,))
    fit(run.url, config)
    names = [found.name for found in fit(run.url, replace(config, power=-0.25))]
    assert names == ["osrmac-pfa-32", "osrmac-whitening-0.25-4"]
    assert {found.name for found in load_reductions(run)} == {*names, "osrmac-whitening-4"}
    expected = PCAWhitening(4, power=-0.25).fit(whole(run).values).transform(whole(run).values)
    half = load_reductions(run)[1]
    np.testing.assert_allclose(half.apply(whole(run).values), expected, atol=1e-5)


@pytest.mark.integration
def test_several_sizes_of_another_recipe_without_baselines(run: Run) -> None:
    config = replace(CONFIG, recipe="early", features=(8, 16), baselines=False)
    assert [found.name for found in fit(run.url, config)] == ["early-pfa-8", "early-pfa-16"]


def test_whitening_is_fitted_written_and_read_back(run: Run) -> None:
    config = replace(CONFIG, whitening=(4,), baselines=False)
    names = [found.name for found in fit(run.url, config)]
    assert names == ["osrmac-pfa-32", "osrmac-whitening-4"]
    expected = PCAWhitening(4).fit(whole(run).values).transform(whole(run).values)
    (whitening,) = [found for found in load_reductions(run) if found.method == "whitening"]
    np.testing.assert_allclose(whitening.apply(whole(run).values), expected, atol=1e-5)
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.reduced(whitening.name))).sort_by("id")
    np.testing.assert_allclose(np.array(table["vector"].to_pylist()), expected, atol=1e-5)
    before = modified(run)
    fit(run.url, config)
    assert modified(run) == before


def test_a_selection_fitted_on_another_run_is_applied_to_this_one(run: Run, other: Run) -> None:
    fit(run.url, CONFIG)
    with pytest.raises(ConfigError, match=r"osrmac-pfa-32 was fitted on .*, not other photos: add --refit"):
        fit(run.url, replace(CONFIG, fit_on=other.url))
    (pfa, *_) = fit_selections(run, replace(CONFIG, fit_on=other.url, refit=True))
    theirs = PrincipalFeatureAnalysis(32, retained_variance=0.8).fit(whole(other).values)
    np.testing.assert_array_equal(pfa.indices, theirs.indices_)
    assert (pfa.samples, pfa.fitted_on) == (len(whole(other).ids), other.record()["images"])
    table = pa.concat_tables(shards.read(shard) for shard in shards.paths(run.reduced(pfa.name))).sort_by("id")
    np.testing.assert_array_equal(np.array(table["vector"].to_pylist(), np.float32), pfa.apply(whole(run).values))
    assert not shards.paths(other.reduced(pfa.name))


def test_samples_are_drawn_from_the_other_run(run: Run, other: Run) -> None:
    (pfa, *_) = fit_selections(run, replace(CONFIG, samples=8, fit_on=other.url))
    drawn = np.sort(np.random.default_rng(0).choice(len(whole(other).ids), 8, replace=False))
    expected = PrincipalFeatureAnalysis(32, retained_variance=0.8).fit(whole(other).values[drawn])
    np.testing.assert_array_equal(pfa.indices, expected.indices_)


def test_a_run_with_other_settings_is_not_fitted_on(run: Run, other: Run) -> None:
    record = other.record()
    record["identity"]["scales"] = [100]
    (other.location / "run.json").write_json(record | {"fingerprint": fingerprint(record["identity"])})
    with pytest.raises(StorageError, match=r"scales is \[100\] there and \[96, 64, 48\] here; fit on") as caught:
        fit(run.url, replace(CONFIG, fit_on=other.url))
    assert "backbone" not in str(caught.value)
    with pytest.raises(StorageError, match="no run at"):
        fit(run.url, replace(CONFIG, fit_on=f"{run.url}/nowhere"))


def test_a_fit_that_cannot_work_is_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    for config, message in (
        (ReductionConfig(features=(1000,)), "only 768 features"),
        (ReductionConfig(recipe="late"), "no recipe 'late'"),
        (replace(CONFIG, whitening=(100,)), "cannot whiten 100 axes: 26 samples of 768 features vary along 20"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            fit(run.url, config)
        assert "\n" not in str(caught.value)
    with pytest.raises(StorageError, match="no run at"):
        fit(str(tmp_path / "nowhere"))
