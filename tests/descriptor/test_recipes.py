"""Recipes on random feature maps of three image sizes and two layers."""

import gc
import weakref
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from osrmac.descriptor import fusion, pooling, regions
from osrmac.descriptor.recipes import RECIPES, FeatureMaps, Recipe, get_recipes, need_embedding, never_wait
from osrmac.errors import ConfigError
from tests.descriptor import reference
from tests.descriptor.reference import Array

CHANNELS = (6, 4)

MIDDLE_SIZE = ("single", "mac", "rmac", "rmac_integral", "rmac_regions", "msrmac", "gem")
LATE = {"late": "single", "late_mac": "mac", "late_rmac": "rmac", "late_msrmac": "msrmac", "late_gem": "gem"}
"""Recipes with late fusion, and the recipe that each of them fuses."""


def random_maps() -> list[list[Tensor]]:
    """Maps of three image sizes, the largest first. Those of the second layer have twice the resolution."""
    generator = torch.Generator().manual_seed(0)
    return [
        [
            torch.rand(CHANNELS[0], side, side + 2, generator=generator),
            torch.rand(CHANNELS[1], 2 * side, 2 * side + 3, generator=generator),
        ]
        for side in (7, 5, 4)
    ]


def classifier() -> nn.Linear:
    """A classifier of five classes."""
    generator = torch.Generator().manual_seed(1)
    linear = nn.Linear(CHANNELS[0], 5)
    weight, bias = torch.randn(5, CHANNELS[0], generator=generator), torch.randn(5, generator=generator)
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def uniform_classifier() -> nn.Linear:
    """A classifier whose heatmaps are zero everywhere."""
    linear = nn.Linear(CHANNELS[0], 5)
    linear.load_state_dict({"weight": torch.zeros(5, CHANNELS[0]), "bias": torch.arange(5.0)})
    return linear


def embedding(maps: list[list[Tensor]]) -> Tensor:
    """An embedding of the whole image as that of a ResNet, (..., C)."""
    return maps[len(maps) // 2][0].mean(dim=(-2, -1))


def compute(name: str, maps: list[list[Tensor]]) -> Tensor:
    return RECIPES[name].compute(FeatureMaps(maps, classifier(), embedding(maps)))


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", RECIPES)
def test_descriptor_has_the_dimension_of_its_recipe(name: str) -> None:
    descriptor = compute(name, random_maps())

    assert descriptor.ndim == (2 if RECIPES[name].regional else 1)
    assert descriptor.shape[-1] == RECIPES[name].dimension(CHANNELS, CHANNELS[0])


def test_dimensions_with_resnet50_are_those_of_the_paper() -> None:
    resnet50 = (2048, 1024)

    dimensions = {name: recipe.dimension(resnet50, 2048) for name, recipe in RECIPES.items()}

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
        "gem": 2048,
        "late_gem": 2048,
        "max_gem": 2048,
        "superglobal": 2048,
        "global": 2048,
    }


# Against the reference


def local_reference(maps: list[list[Array]]) -> Array:
    fused = [fusion.early([torch.from_numpy(of_size[layer]) for of_size in maps]).numpy() for layer in (0, 1)]
    weight, bias = (parameter.detach().double().numpy() for parameter in classifier().parameters())
    return reference.osrmac_local(fused, weight, bias, len(maps))


REFERENCES: dict[str, Callable[[list[list[Array]]], Array]] = {
    "mac": lambda maps: reference.mac(maps[len(maps) // 2][0]),
    "late_mac": lambda maps: reference.late([reference.mac(of_size[0]) for of_size in maps]),
    "rmac": lambda maps: reference.rmac(maps[len(maps) // 2][0]),
    "late_rmac": lambda maps: reference.late([reference.rmac(of_size[0]) for of_size in maps]),
    "rmac_integral": lambda maps: reference.rmac_integral(maps[len(maps) // 2][0]),
    "rmac_regions": lambda maps: reference.rmac_regions(maps[len(maps) // 2][0]),
    "msrmac": lambda maps: np.concatenate([reference.rmac(of_layer) for of_layer in maps[len(maps) // 2]]),
    "late_msrmac": lambda maps: np.concatenate(
        [reference.late([reference.rmac(of_size[layer]) for of_size in maps]) for layer in range(len(maps[0]))]
    ),
    "gem": lambda maps: reference.gem(maps[len(maps) // 2][0], 3),
    "late_gem": lambda maps: reference.late([reference.gem(of_size[0], 3) for of_size in maps]),
    "max_gem": lambda maps: reference.maximum([reference.gem(of_size[0], 3) for of_size in maps]),
    "superglobal": lambda maps: reference.maximum([reference.superglobal(of_size[0]) for of_size in maps]),
    "osrmac_local": local_reference,
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("sizes", [1, 2, 3])
def test_a_recipe_agrees_with_the_reference(name: str, sizes: int) -> None:
    maps = random_maps()[:sizes]

    expected = REFERENCES[name]([[of_layer.double().numpy() for of_layer in of_size] for of_size in maps])

    np.testing.assert_allclose(compute(name, maps).numpy(), expected, rtol=1e-5)


# Image sizes


@pytest.mark.parametrize(("sizes", "middle"), [(1, 0), (2, 1), (3, 1)])
def test_single_pools_the_middle_size(sizes: int, middle: int) -> None:
    maps = random_maps()[:sizes]

    assert torch.equal(compute("single", maps), pooling.osrmac(maps[middle][0]))


@pytest.mark.parametrize("name", MIDDLE_SIZE)
def test_recipes_without_fusion_use_the_middle_size(name: str) -> None:
    largest, middle, smallest = random_maps()

    assert torch.equal(compute(name, [smallest, middle, largest]), compute(name, [largest, middle, smallest]))
    assert torch.equal(compute(name, [largest, middle, smallest]), compute(name, [middle]))
    assert not torch.equal(compute(name, [middle]), compute(name, [largest]))


@pytest.mark.parametrize(("name", "of_one_size"), LATE.items())
def test_late_fusion_of_one_size_is_its_vector(name: str, of_one_size: str) -> None:
    maps = random_maps()[:1]

    torch.testing.assert_close(compute(name, maps), compute(of_one_size, maps))


@pytest.mark.parametrize("name", ["late", "late_mac", "late_rmac", "late_gem"])
def test_late_fusion_sums_the_unit_vectors_of_all_sizes(name: str) -> None:
    maps = random_maps()

    total = sum((compute(LATE[name], [of_size]) for of_size in maps), start=torch.zeros(CHANNELS[0]))

    torch.testing.assert_close(compute(name, maps), functional.normalize(total, dim=0))


@pytest.mark.parametrize(("name", "pool"), [("max_gem", pooling.gem), ("superglobal", pooling.superglobal)])
def test_the_maximum_of_one_size_is_its_vector(name: str, pool: Callable[[Tensor], Tensor]) -> None:
    maps = random_maps()[:1]

    torch.testing.assert_close(compute(name, maps), pool(maps[0][0]))


def test_late_msrmac_fuses_each_layer_separately() -> None:
    maps = random_maps()

    parts = [compute("late_rmac", [[of_size[layer]] for of_size in maps]) for layer in (0, 1)]

    assert torch.equal(compute("late_msrmac", maps), torch.cat(parts))


@pytest.mark.parametrize(("name", "layer"), [("early", 0), ("early_prev", 1)])
def test_early_recipes_pool_the_fused_maps_of_a_layer(name: str, layer: int) -> None:
    maps = random_maps()

    fused = fusion.early([of_size[layer] for of_size in maps])

    assert torch.equal(compute(name, maps), pooling.osrmac(fused))


# Layers


def test_osrmac_concatenates_early_and_early_prev() -> None:
    maps = random_maps()

    assert torch.equal(compute("osrmac", maps), torch.cat([compute("early", maps), compute("early_prev", maps)]))


@pytest.mark.parametrize("name", RECIPES)
def test_each_part_of_a_descriptor_has_unit_norm(name: str) -> None:
    layers = RECIPES[name].layers
    has_two_parts = layers is None or len(layers) > 1

    for part in np.split(compute(name, random_maps()).numpy(), [CHANNELS[0]] if has_two_parts else [], axis=-1):
        np.testing.assert_allclose(np.linalg.norm(part, axis=-1), 1, rtol=1e-6)


def test_aggregated_regions_are_rmac() -> None:
    assert torch.equal(
        regions.aggregate_regions(compute("rmac_regions", random_maps())), compute("rmac", random_maps())
    )


@pytest.mark.parametrize(
    "name",
    [
        *("single", "late", "early", "mac", "late_mac", "rmac", "late_rmac", "rmac_integral", "rmac_regions"),
        *("gem", "late_gem", "max_gem", "superglobal"),
    ],
)
def test_recipes_of_the_last_layer_need_no_other_layer(name: str) -> None:
    maps = [of_size[:1] for of_size in random_maps()]

    assert list(get_recipes((name,), layers=1)) == [name]
    assert torch.equal(compute(name, maps), compute(name, random_maps()))


@pytest.mark.parametrize(("name", "of_one_layer"), [("msrmac", "rmac"), ("late_msrmac", "late_rmac")])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_multi_stage_recipes_use_every_layer(name: str, of_one_layer: str, layers: int) -> None:
    generator = torch.Generator().manual_seed(2)
    third = [torch.rand(3, 9, 11, generator=generator) for _ in range(3)]
    maps = [[*of_size, extra][:layers] for of_size, extra in zip(random_maps(), third, strict=True)]

    descriptor = compute(name, maps)

    parts = [compute(of_one_layer, [[of_size[layer]] for of_size in maps]) for layer in range(layers)]
    assert torch.equal(descriptor, torch.cat(parts))
    assert get_recipes((name,), layers)[name].parts([*CHANNELS, 3][:layers]) == tuple(map(len, parts))


# Class activation maps


def test_osrmac_local_without_masked_positions_is_osrmac() -> None:
    features = FeatureMaps(random_maps(), uniform_classifier())

    assert bool(features.cam_mask().all())
    assert torch.equal(RECIPES["osrmac_local"].compute(features), RECIPES["osrmac"].compute(features))


def test_osrmac_local_pools_the_masked_maps() -> None:
    """The heatmap is positive in one corner of the last layer, 2 x 2 cells of the previous one."""
    last, previous = torch.ones(6, 2, 3), torch.rand(4, 4, 6, generator=torch.Generator().manual_seed(0))
    last[2, 1, 2] = 5
    linear = nn.Linear(6, 1)
    linear.load_state_dict({"weight": torch.eye(6)[2:3], "bias": torch.zeros(1)})

    descriptor = RECIPES["osrmac_local"].compute(FeatureMaps([[last, previous]], linear))

    corners = (torch.zeros_like(last), torch.zeros_like(previous))
    corners[0][:, 1:, 2:], corners[1][:, 2:, 4:] = last[:, 1:, 2:], previous[:, 2:, 4:]
    assert torch.equal(descriptor, torch.cat([pooling.osrmac(corner) for corner in corners]))


def test_the_mask_is_computed_once_per_image() -> None:
    calls: list[object] = []
    linear = classifier()
    linear.register_forward_hook(lambda *call: calls.append(call))
    features = FeatureMaps(random_maps(), linear)

    assert not calls
    first, second = (RECIPES["osrmac_local"].compute(features) for _ in range(2))

    assert torch.equal(first, second)
    assert features.cam_mask() is features.cam_mask()
    assert len(calls) == 1


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "osrmac_local"])
def test_other_recipes_need_no_classifier(name: str) -> None:
    maps = random_maps()

    assert list(get_recipes((name,), layers=2, classifier=False)) == [name]
    features = FeatureMaps(maps, embedding=embedding(maps))
    assert torch.equal(RECIPES[name].compute(features), compute(name, maps))


def test_a_mask_without_a_classifier_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^a class activation map needs a classifier$"):
        RECIPES["osrmac_local"].compute(FeatureMaps(random_maps()))


# The embedding of the whole image


def test_global_is_the_embedding_of_unit_norm() -> None:
    features = FeatureMaps(random_maps(), embedding=torch.tensor([3.0, -4.0]))

    torch.testing.assert_close(RECIPES["global"].compute(features), torch.tensor([0.6, -0.8]))
    assert (RECIPES["global"].parts(CHANNELS, 5), RECIPES["osrmac"].parts(CHANNELS, 5)) == ((5,), CHANNELS)


def test_a_recipe_may_add_the_embedding_to_layers() -> None:
    assert Recipe(lambda features: features.early(0), needs_embedding=True).parts(CHANNELS, 5) == (6, 5)


def test_the_embedding_is_needed_by_name() -> None:
    assert need_embedding(("osrmac", "global"))
    assert not need_embedding(("osrmac", "unknown"))


def test_recipes_of_others_may_wait_for_a_gpu() -> None:
    assert never_wait(RECIPES)
    assert not never_wait(("osrmac", "of_my_own"))


def test_global_is_refused_without_an_embedding() -> None:
    with pytest.raises(ConfigError, match=r"^recipe 'global' needs an embedding of the whole image, and this backbone"):
        get_recipes(("global",), layers=2, embedding=False)
    with pytest.raises(ValueError, match=r"^the backbone gave no embedding of the whole image$"):
        RECIPES["global"].compute(FeatureMaps(random_maps()))


# Names


def test_get_recipes_keeps_the_order_of_the_names() -> None:
    assert list(get_recipes(("osrmac", "single", "late"), layers=2)) == ["osrmac", "single", "late"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=rf"^unknown recipe 'gems': choose from {', '.join(RECIPES)}$"):
        get_recipes(("single", "gems"), layers=2)


@pytest.mark.parametrize("name", ["early_prev", "osrmac", "osrmac_local"])
def test_a_recipe_of_two_layers_is_refused_for_one_layer(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^recipe '{name}' needs 2 layers, not 1: name more with --layers$"):
        get_recipes((name,), layers=1)


def test_a_recipe_with_a_mask_is_refused_without_a_classifier() -> None:
    with pytest.raises(ConfigError, match=r"^recipe 'osrmac_local' needs a classifier of the last layer, [^\n]*$"):
        get_recipes(("osrmac", "osrmac_local"), layers=2, classifier=False)


@pytest.mark.parametrize("name", RECIPES)
def test_a_batch_is_computed_like_each_of_its_images(name: str) -> None:
    one = random_maps()
    other = [[layer.flip(-1).sqrt() for layer in of_size] for of_size in one]
    blank = [[torch.zeros_like(layer) for layer in of_size] for of_size in one]
    images = [one, other, blank]
    batch = [[torch.stack(layers) for layers in zip(*sizes, strict=True)] for sizes in zip(*images, strict=True)]
    channels_last = [[layer.contiguous(memory_format=torch.channels_last) for layer in of_size] for of_size in batch]

    for vectors in (compute(name, batch), compute(name, channels_last)):
        torch.testing.assert_close(vectors, torch.stack([compute(name, maps) for maps in images]))


def test_maps_are_freed_without_a_garbage_collection(no_garbage_collection: None) -> None:
    maps = random_maps()
    largest = weakref.ref(maps[0][0])
    features = FeatureMaps(maps, classifier())
    features.early(0)
    features.cam_mask()

    del maps, features

    assert largest() is None
