"""Each recipe, on maps of three scales and two taps."""

import gc
import weakref
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from osrmac.descriptor import fusion, pooling
from osrmac.descriptor.recipes import RECIPES, FeatureMaps, get_recipes
from osrmac.errors import ConfigError

CHANNELS = (6, 4)


def random_maps() -> list[list[Tensor]]:
    """Maps of three scales, the largest first; those of the second tap are twice as fine."""
    generator = torch.Generator().manual_seed(0)
    return [
        [
            torch.rand(CHANNELS[0], side, side + 2, generator=generator),
            torch.rand(CHANNELS[1], 2 * side, 2 * side + 3, generator=generator),
        ]
        for side in (7, 5, 4)
    ]


def computed(name: str, maps: list[list[Tensor]]) -> Tensor:
    return RECIPES[name].compute(FeatureMaps(maps))


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_as_many_numbers_as_it_says(name: str) -> None:
    assert computed(name, random_maps()).shape == (RECIPES[name].dimension(CHANNELS),)


def test_dimensions_of_the_paper() -> None:
    resnet50 = (2048, 1024)

    dimensions = {name: recipe.dimension(resnet50) for name, recipe in RECIPES.items()}

    assert dimensions == {"single": 2048, "late": 2048, "early": 2048, "early_prev": 1024, "osrmac": 3072}


@pytest.mark.parametrize(("scales", "middle"), [(1, 0), (2, 1), (3, 1)])
def test_single_looks_at_the_middle_scale_alone(scales: int, middle: int) -> None:
    maps = random_maps()[:scales]

    assert torch.equal(computed("single", maps), pooling.osrmac(maps[middle][0]))


def test_late_sums_a_unit_vector_a_scale() -> None:
    maps = random_maps()

    total = sum((pooling.osrmac(last) for last, _ in maps), start=torch.zeros(CHANNELS[0]))

    torch.testing.assert_close(computed("late", maps), functional.normalize(total, dim=0))


@pytest.mark.parametrize(("name", "tap"), [("early", 0), ("early_prev", 1)])
def test_early_recipes_pool_the_fused_maps_of_their_tap(name: str, tap: int) -> None:
    maps = random_maps()

    fused = fusion.early([scale[tap] for scale in maps])

    assert torch.equal(computed(name, maps), pooling.osrmac(fused))


def test_osrmac_joins_early_and_early_prev_and_leaves_both_parts_unit() -> None:
    maps = random_maps()

    descriptor = computed("osrmac", maps)

    assert torch.equal(descriptor, torch.cat([computed("early", maps), computed("early_prev", maps)]))
    torch.testing.assert_close(descriptor[: CHANNELS[0]].norm(), torch.tensor(1.0))
    torch.testing.assert_close(descriptor[CHANNELS[0] :].norm(), torch.tensor(1.0))


def test_recipes_that_look_at_the_last_tap_need_no_other() -> None:
    maps = [scale[:1] for scale in random_maps()]

    for name in ("single", "late", "early"):
        assert torch.equal(computed(name, maps), computed(name, random_maps()))


def test_recipes_keep_the_order_they_were_asked_for() -> None:
    assert list(get_recipes(("osrmac", "single", "late"), taps=2)) == ["osrmac", "single", "late"]


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"^unknown recipe 'gem': choose from single, late, early, early_prev, osrmac$"
    ):
        get_recipes(("single", "gem"), taps=2)


@pytest.mark.parametrize("name", ["early_prev", "osrmac"])
def test_a_recipe_of_two_taps_is_refused_where_there_is_one(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^recipe '{name}' needs 2 taps, not 1$"):
        get_recipes((name,), taps=1)


def test_maps_are_freed_as_soon_as_they_are_let_go(no_garbage_collection: None) -> None:
    maps = random_maps()
    largest = weakref.ref(maps[0][0])
    features = FeatureMaps(maps)
    features.early(0)

    del maps, features

    assert largest() is None
