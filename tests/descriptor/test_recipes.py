"""Each recipe, on maps of three scales and two taps."""

import gc
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from osrmac.descriptor import fusion, pooling, regions
from osrmac.descriptor.recipes import RECIPES, FeatureMaps, get_recipes
from osrmac.errors import ConfigError

Array = NDArray[np.float64]

CHANNELS = (6, 4)

OF_THE_MIDDLE = ("single", "mac", "rmac", "rmac_integral", "rmac_regions", "msrmac")
LATE = {"late": "single", "late_mac": "mac", "late_rmac": "rmac", "late_msrmac": "msrmac"}
"""Recipes that fuse the vectors of all scales, and those that give the vector of one."""


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


def classifier() -> nn.Linear:
    """Of five classes."""
    generator = torch.Generator().manual_seed(1)
    linear = nn.Linear(CHANNELS[0], 5)
    weight, bias = torch.randn(5, CHANNELS[0], generator=generator), torch.randn(5, generator=generator)
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def without_opinion() -> nn.Linear:
    """A classifier to which every position is as good as any other."""
    linear = nn.Linear(CHANNELS[0], 5)
    linear.load_state_dict({"weight": torch.zeros(5, CHANNELS[0]), "bias": torch.arange(5.0)})
    return linear


def computed(name: str, maps: list[list[Tensor]]) -> Tensor:
    return RECIPES[name].compute(FeatureMaps(maps, classifier()))


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_gives_as_many_numbers_as_it_says(name: str) -> None:
    descriptor = computed(name, random_maps())

    assert descriptor.ndim == (2 if RECIPES[name].regional else 1)
    assert descriptor.shape[-1] == RECIPES[name].dimension(CHANNELS)


def test_dimensions_of_the_paper() -> None:
    resnet50 = (2048, 1024)

    dimensions = {name: recipe.dimension(resnet50) for name, recipe in RECIPES.items()}

    assert dimensions == {
        "single": 2048,
        "late": 2048,
        "early": 2048,
        "early_prev": 1024,
        "osrmac": 3072,
        "osrmac_local": 3072,
        "mac": 2048,
        "late_mac": 2048,
        "rmac": 2048,
        "late_rmac": 2048,
        "rmac_integral": 2048,
        "rmac_regions": 2048,
        "msrmac": 3072,
        "late_msrmac": 3072,
    }


# An independent path


def unit(vector: Array) -> Array:
    norm: np.float64 = np.sqrt((vector * vector).sum())
    return vector / norm


def slow_mac(maps: Array) -> Array:
    return unit(maps.max(axis=(1, 2)))


def in_regions(maps: Array) -> list[Array]:
    return [maps[:, top : top + side, left : left + side] for top, left, side in regions.grid(*maps.shape[1:])]


def slow_rmac(maps: Array) -> Array:
    return unit(np.sum([slow_mac(region) for region in in_regions(maps)], axis=0))


def slow_integral(maps: Array) -> Array:
    means = [unit((region**10).sum(axis=(1, 2)) ** 0.1) for region in in_regions(maps)]
    return unit(np.sum(means, axis=0))


def slow_local(maps: list[list[Tensor]]) -> Array:
    last, previous = (fusion.early([scale[layer] for scale in maps]).double().numpy() for layer in (0, 1))
    linear = classifier()
    weight, bias = linear.weight.detach().double().numpy(), linear.bias.detach().double().numpy()
    best = np.argmax(weight @ last.mean(axis=(1, 2)) / len(maps) + bias)
    heat = sum((w * plane for w, plane in zip(weight[best], last, strict=True)), start=np.zeros(last.shape[1:]))
    kept = heat > 0.9 * heat.mean()
    assert 0 < kept.sum() < kept.size
    # The cell of the coarser map that holds the centre of each cell of the finer one.
    rows, columns = (
        (2 * np.arange(fine) + 1) * coarse // (2 * fine)
        for fine, coarse in zip(previous.shape[1:], kept.shape, strict=True)
    )
    parts = (last * kept, previous * kept[np.ix_(rows, columns)])
    return np.concatenate([pooling.osrmac(torch.from_numpy(part)).numpy() for part in parts])


def slow_late(vectors: list[Array]) -> Array:
    return unit(np.sum([unit(vector) for vector in vectors], axis=0))


SLOW: dict[str, Callable[[list[list[Array]]], Array]] = {
    "mac": lambda scales: slow_mac(scales[len(scales) // 2][0]),
    "late_mac": lambda scales: slow_late([slow_mac(scale[0]) for scale in scales]),
    "rmac": lambda scales: slow_rmac(scales[len(scales) // 2][0]),
    "late_rmac": lambda scales: slow_late([slow_rmac(scale[0]) for scale in scales]),
    "rmac_integral": lambda scales: slow_integral(scales[len(scales) // 2][0]),
    "rmac_regions": lambda scales: np.stack([slow_mac(region) for region in in_regions(scales[len(scales) // 2][0])]),
    "msrmac": lambda scales: np.concatenate([slow_rmac(layer) for layer in scales[len(scales) // 2]]),
    "late_msrmac": lambda scales: np.concatenate(
        [slow_late([slow_rmac(scale[layer]) for scale in scales]) for layer in range(len(scales[0]))]
    ),
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("scales", [1, 2, 3])
def test_a_recipe_agrees_with_an_independent_path(name: str, scales: int) -> None:
    maps = random_maps()[:scales]

    expected = SLOW[name]([[layer.double().numpy() for layer in scale] for scale in maps])

    np.testing.assert_allclose(computed(name, maps).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_osrmac_local_agrees_with_an_independent_path(scales: int) -> None:
    maps = random_maps()[:scales]

    np.testing.assert_allclose(computed("osrmac_local", maps).numpy(), slow_local(maps), rtol=1e-5)


# One scale, or all of them


@pytest.mark.parametrize(("scales", "middle"), [(1, 0), (2, 1), (3, 1)])
def test_single_pools_the_middle_scale(scales: int, middle: int) -> None:
    maps = random_maps()[:scales]

    assert torch.equal(computed("single", maps), pooling.osrmac(maps[middle][0]))


@pytest.mark.parametrize("name", OF_THE_MIDDLE)
def test_recipes_of_one_scale_look_at_the_middle_one_alone(name: str) -> None:
    largest, middle, smallest = random_maps()

    assert torch.equal(computed(name, [smallest, middle, largest]), computed(name, [largest, middle, smallest]))
    assert torch.equal(computed(name, [largest, middle, smallest]), computed(name, [middle]))
    assert not torch.equal(computed(name, [middle]), computed(name, [largest]))


@pytest.mark.parametrize(("name", "of_one"), LATE.items())
def test_late_recipes_of_one_scale_are_its_vector(name: str, of_one: str) -> None:
    maps = random_maps()[:1]

    torch.testing.assert_close(computed(name, maps), computed(of_one, maps))


@pytest.mark.parametrize("name", ["late", "late_mac", "late_rmac"])
def test_late_recipes_sum_the_unit_vectors_of_their_scales(name: str) -> None:
    maps = random_maps()

    total = sum((computed(LATE[name], [scale]) for scale in maps), start=torch.zeros(CHANNELS[0]))

    torch.testing.assert_close(computed(name, maps), functional.normalize(total, dim=0))


def test_late_msrmac_fuses_each_tap_for_itself() -> None:
    maps = random_maps()

    parts = [computed("late_rmac", [[scale[layer]] for scale in maps]) for layer in (0, 1)]

    assert torch.equal(computed("late_msrmac", maps), torch.cat(parts))


@pytest.mark.parametrize(("name", "layer"), [("early", 0), ("early_prev", 1)])
def test_early_recipes_pool_the_fused_maps_of_their_tap(name: str, layer: int) -> None:
    maps = random_maps()

    fused = fusion.early([scale[layer] for scale in maps])

    assert torch.equal(computed(name, maps), pooling.osrmac(fused))


# One tap, or several


def test_osrmac_joins_early_and_early_prev() -> None:
    maps = random_maps()

    assert torch.equal(computed("osrmac", maps), torch.cat([computed("early", maps), computed("early_prev", maps)]))


@pytest.mark.parametrize("name", RECIPES)
def test_every_part_of_a_descriptor_has_unit_norm(name: str) -> None:
    layers = RECIPES[name].layers
    joined = layers is None or len(layers) > 1

    for part in np.split(computed(name, random_maps()).numpy(), [CHANNELS[0]] if joined else [], axis=-1):
        np.testing.assert_allclose(np.linalg.norm(part, axis=-1), 1, rtol=1e-6)


def test_regions_summed_are_rmac() -> None:
    assert torch.equal(regions.rmac_of(computed("rmac_regions", random_maps())), computed("rmac", random_maps()))


@pytest.mark.parametrize(
    "name", ["single", "late", "early", "mac", "late_mac", "rmac", "late_rmac", "rmac_integral", "rmac_regions"]
)
def test_recipes_that_look_at_the_last_tap_need_no_other(name: str) -> None:
    maps = [scale[:1] for scale in random_maps()]

    assert list(get_recipes((name,), layers=1)) == [name]
    assert torch.equal(computed(name, maps), computed(name, random_maps()))


@pytest.mark.parametrize(("name", "of_one_tap"), [("msrmac", "rmac"), ("late_msrmac", "late_rmac")])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_multi_stage_recipes_take_every_tap(name: str, of_one_tap: str, layers: int) -> None:
    generator = torch.Generator().manual_seed(2)
    third = [torch.rand(3, 9, 11, generator=generator) for _ in range(3)]
    maps = [[*scale, extra][:layers] for scale, extra in zip(random_maps(), third, strict=True)]

    descriptor = computed(name, maps)

    parts = [computed(of_one_tap, [[scale[layer]] for scale in maps]) for layer in range(layers)]
    assert torch.equal(descriptor, torch.cat(parts))
    assert get_recipes((name,), layers)[name].parts([*CHANNELS, 3][:layers]) == tuple(map(len, parts))


# Class activation maps


def test_osrmac_local_is_osrmac_where_nothing_is_masked() -> None:
    features = FeatureMaps(random_maps(), without_opinion())

    assert bool(features.where().all())
    assert torch.equal(RECIPES["osrmac_local"].compute(features), RECIPES["osrmac"].compute(features))


def test_osrmac_local_sees_what_the_mask_leaves() -> None:
    """Heat is all in one corner of the last tap, two by two cells of the other."""
    last, previous = torch.ones(6, 2, 3), torch.rand(4, 4, 6, generator=torch.Generator().manual_seed(0))
    last[2, 1, 2] = 5
    linear = nn.Linear(6, 1)
    linear.load_state_dict({"weight": torch.eye(6)[2:3], "bias": torch.zeros(1)})

    descriptor = RECIPES["osrmac_local"].compute(FeatureMaps([[last, previous]], linear))

    corners = (torch.zeros_like(last), torch.zeros_like(previous))
    corners[0][:, 1:, 2:], corners[1][:, 2:, 4:] = last[:, 1:, 2:], previous[:, 2:, 4:]
    assert torch.equal(descriptor, torch.cat([pooling.osrmac(corner) for corner in corners]))


def test_the_mask_is_computed_once_an_image() -> None:
    calls: list[object] = []
    linear = classifier()
    linear.register_forward_hook(lambda *call: calls.append(call))
    features = FeatureMaps(random_maps(), linear)

    assert not calls
    first, second = (RECIPES["osrmac_local"].compute(features) for _ in range(2))

    assert torch.equal(first, second)
    assert features.where() is features.where()
    assert len(calls) == 1


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "osrmac_local"])
def test_other_recipes_need_no_classifier(name: str) -> None:
    maps = random_maps()

    assert list(get_recipes((name,), layers=2, classifier=False)) == [name]
    assert torch.equal(RECIPES[name].compute(FeatureMaps(maps)), computed(name, maps))


def test_a_mask_without_a_classifier_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"^a class activation map needs the classifier$"):
        RECIPES["osrmac_local"].compute(FeatureMaps(random_maps()))


# What is asked for


def test_recipes_keep_the_order_they_were_asked_for() -> None:
    assert list(get_recipes(("osrmac", "single", "late"), layers=2)) == ["osrmac", "single", "late"]


def test_an_unknown_recipe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=rf"^unknown recipe 'gem': choose from {', '.join(RECIPES)}$"):
        get_recipes(("single", "gem"), layers=2)


@pytest.mark.parametrize("name", ["early_prev", "osrmac", "osrmac_local"])
def test_a_recipe_of_two_taps_is_refused_where_there_is_one(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^recipe '{name}' needs 2 taps, not 1$"):
        get_recipes((name,), layers=1)


def test_a_recipe_of_a_mask_is_refused_where_there_is_no_classifier() -> None:
    with pytest.raises(ConfigError, match=r"^recipe 'osrmac_local' needs a classifier behind the first tap, [^\n]*$"):
        get_recipes(("osrmac", "osrmac_local"), layers=2, classifier=False)


@pytest.mark.parametrize("name", RECIPES)
def test_images_of_one_size_are_computed_together_as_each_alone(name: str) -> None:
    one = random_maps()
    other = [[layer.flip(-1).sqrt() for layer in scale] for scale in one]
    blank = [[torch.zeros_like(layer) for layer in scale] for scale in one]
    several = [one, other, blank]
    batch = [[torch.stack(layers) for layers in zip(*scales, strict=True)] for scales in zip(*several, strict=True)]
    channels_last = [[layer.contiguous(memory_format=torch.channels_last) for layer in scale] for scale in batch]

    for together in (computed(name, batch), computed(name, channels_last)):
        torch.testing.assert_close(together, torch.stack([computed(name, maps) for maps in several]))


def test_maps_are_freed_as_soon_as_they_are_let_go(no_garbage_collection: None) -> None:
    maps = random_maps()
    largest = weakref.ref(maps[0][0])
    features = FeatureMaps(maps, classifier())
    features.early(0)
    features.where()

    del maps, features

    assert largest() is None
