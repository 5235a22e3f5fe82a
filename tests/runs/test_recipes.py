from pathlib import Path

import pytest

from osrmac.errors import ConfigError, StorageError
from osrmac.runs.recipes import settled_recipe, training_run
from osrmac.storage.run import Identity
from tests.tiny_run import tiny_run


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
