"""Registration of recipes: names, and describing with a custom recipe, registered or not."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from torch import Tensor
from torch.nn import functional

from osrmac.config import DescriptorConfig
from osrmac.descriptor.describer import Describer, Description
from osrmac.descriptor.models.backbones import build
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.recipes import RECIPES, FeatureMaps, Recipe, get_recipes, register_recipe
from osrmac.errors import ConfigError
from osrmac.storage import schema
from tests.pictures import encoded, textured

CONFIG = DescriptorConfig(backbone="resnet18", weights="random:0", recipes=("osrmac", "spoc"), image_sizes=(96, 64, 48))


@pytest.fixture(autouse=True)
def restored_registry() -> Iterator[None]:
    before = dict(RECIPES)
    yield
    RECIPES.clear()
    RECIPES.update(before)


def spoc(features: FeatureMaps) -> Tensor:
    """Sum-pooled convolutional features (Babenko and Lempitsky 2015) of the second layer."""
    return functional.normalize(features.middle[1].sum(dim=(-2, -1)), dim=-1)


SPOC = Recipe(spoc, layers=(1,))


def assert_spoc(describer: Describer) -> None:
    image = textured()

    (description,) = describer([encoded(image)])

    assert isinstance(description, Description)
    assert describer.dimensions == {"osrmac": 768, "spoc": 256}
    maps = describer.feature_maps(image)[1][1].numpy()
    sums = maps.sum(axis=(1, 2))
    np.testing.assert_allclose(description.vectors["spoc"], sums / np.linalg.norm(sums), rtol=1e-4)


def test_a_registered_recipe_is_found_by_its_name() -> None:
    register_recipe("spoc", SPOC)

    assert get_recipes(["late", "spoc"], layers=2)["spoc"] is SPOC
    with pytest.raises(ConfigError, match=r"^unknown recipe 'gems': choose from single, .*, superglobal, .*spoc$"):
        get_recipes(["gems"], layers=2)
    with pytest.raises(ConfigError, match=r"^recipe 'spoc' needs 2 layers, not 1"):
        get_recipes(["spoc"], layers=1)


def test_a_describer_computes_a_registered_recipe() -> None:
    register_recipe("spoc", SPOC)

    assert_spoc(Describer.load(CONFIG))


def test_a_describer_computes_recipes_that_are_passed_to_it(resnet18: Weights) -> None:
    assert_spoc(Describer(build("resnet18", (), resnet18.state), CONFIG, recipes={**RECIPES, "spoc": SPOC}))
    with pytest.raises(ConfigError, match=r"^unknown recipe 'osrmac': choose from spoc$"):
        Describer(build("resnet18", (), resnet18.state), CONFIG, recipes={"spoc": SPOC})


def test_a_custom_recipe_does_not_change_the_others(resnet18: Weights) -> None:
    register_recipe("spoc", SPOC)
    images = [encoded(textured())]

    (with_spoc,) = Describer(build("resnet18", (), resnet18.state), CONFIG)(images)
    (without,) = Describer(build("resnet18", (), resnet18.state), replace(CONFIG, recipes=("osrmac",)))(images)

    assert isinstance(with_spoc, Description)
    assert isinstance(without, Description)
    np.testing.assert_array_equal(with_spoc.vectors["osrmac"], without.vectors["osrmac"])


@pytest.mark.parametrize("name", ["", "Spoc", "2nd", "my-recipe", "my recipe", "a.b", "_private", "naïve", "x\n"])
def test_an_invalid_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot name a recipe: use lower-case letters, digits and underscores$"):
        register_recipe(name, SPOC)


@pytest.mark.parametrize("name", schema.descriptors({}, "").names)
def test_the_name_of_another_column_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot name a recipe: .* have a column of that name$"):
        register_recipe(name, SPOC)


def test_a_registered_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^recipe 'osrmac' is already registered: choose another name$"):
        register_recipe("osrmac", SPOC)
    assert RECIPES["osrmac"] is not SPOC


def test_names_of_all_recipes_are_valid() -> None:
    recipes = dict(RECIPES)
    RECIPES.clear()
    for name, recipe in recipes.items():
        register_recipe(name, recipe)
    assert recipes == RECIPES
