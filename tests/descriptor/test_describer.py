"""Describing images: against an independent path, in any company, and with failures as rows."""

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
import torchvision
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import ExifTags, Image
from torch.nn import functional
from torchvision.transforms.v2.functional import normalize, resize

from osrmac.config import DescriptorConfig, Precision
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.models.backbones import build
from osrmac.descriptor.models.weights import StateDict, Weights
from osrmac.descriptor.optimize.compile import Compiled
from osrmac.descriptor.optimize.winograd import Winograd
from osrmac.descriptor.recipes import RECIPES, FeatureMaps
from osrmac.descriptor.regions import grid
from osrmac.errors import ConfigError
from osrmac.types import Box
from tests.zoo import LIMIT, zoo

Vector = NDArray[np.float32]

CONFIG = DescriptorConfig("resnet18", "random:0", recipes=tuple(RECIPES), image_sizes=(48, 96, 64))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def picture(width: int = 90, height: int = 60, seed: int = 0) -> Image.Image:
    """Coarse and fine structure, different in every channel."""
    generator = np.random.default_rng(seed)
    coarse = Image.fromarray(generator.integers(0, 256, (4, 6, 3), dtype=np.uint8)).resize((width, height))
    fine = Image.fromarray(generator.integers(0, 256, (height, width, 3), dtype=np.uint8))
    return Image.blend(coarse, fine, 0.3)


@pytest.fixture(scope="module")
def describer(resnet18: Weights) -> Describer:
    return Describer(build("resnet18", (), resnet18.state), CONFIG)


def described(describer: Describer, *images: bytes) -> list[Description]:
    results = [result for result in describer(images) if isinstance(result, Description)]
    assert len(results) == len(images)
    return results


def assert_bitwise_equal(actual: dict[str, Vector], expected: dict[str, Vector]) -> None:
    assert actual.keys() == expected.keys()
    for name, vector in actual.items():
        np.testing.assert_array_equal(vector, expected[name])


# An independent path


def slow_maps(state: StateDict, image: Image.Image, longest: int) -> list[NDArray[np.float32]]:
    network = torchvision.models.resnet18()
    network.load_state_dict(state)
    network.eval()
    found: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: found.update({name: output})

    network.layer3.register_forward_hook(keep("layer3"))
    network.layer4.register_forward_hook(keep("layer4"))
    shorter = round(longest * min(image.size) / max(image.size))
    size = [shorter, longest] if image.width > image.height else [longest, shorter]
    pixels = resize(torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1), size, antialias=True)
    with torch.inference_mode():
        network(normalize(pixels[None] / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    return [found[name][0].numpy() for name in ("layer4", "layer3")]


def slow_fusion(maps: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    total = np.zeros_like(maps[0])
    for scale in maps:
        rescaled = functional.interpolate(torch.from_numpy(scale)[None], total.shape[1:], mode="bilinear")
        total += rescaled[0].numpy()
    return total


def unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)


def slow_pooling(maps: NDArray[np.float32]) -> Vector:
    total = np.zeros(len(maps), np.float32)
    for level in (1, 2, 3):
        side = max(1, math.ceil(2 * min(maps.shape[1:]) / (level + 1)))
        stride = max(1, math.floor(0.4 * side))
        windows = sliding_window_view(maps, (side, side), axis=(1, 2))[:, ::stride, ::stride]
        total += np.sqrt((windows.max(axis=(3, 4)) ** 2).sum(axis=(1, 2)))
    return unit(total)


def slow_mac(maps: NDArray[np.float32]) -> Vector:
    return unit(maps.max(axis=(1, 2)))


def in_regions(maps: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [maps[:, top : top + side, left : left + side] for top, left, side in grid(*maps.shape[1:])]


def slow_rmac(maps: NDArray[np.float32]) -> Vector:
    return unit(np.sum([slow_mac(region) for region in in_regions(maps)], axis=0))


def slow_integral(maps: NDArray[np.float32]) -> Vector:
    means = [(region.astype(float) ** 10).sum(axis=(1, 2)) ** 0.1 for region in in_regions(maps)]
    return unit(np.sum([unit(mean) for mean in means], axis=0))


def slow_local(state: StateDict, fused: list[NDArray[np.float32]], scales: int) -> Vector:
    last, previous = fused
    weight, bias = state["fc.weight"].numpy(), state["fc.bias"].numpy()
    best = np.argmax(weight @ last.mean(axis=(1, 2)) / scales + bias)
    heat = np.tensordot(weight[best], last, axes=1)
    kept = heat > 0.9 * heat.mean()
    height, width = previous.shape[1:]
    finer = kept.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]  # one cell is one at either stride
    return np.concatenate([slow_pooling(last * kept), slow_pooling(previous * finer)])


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (200, 200), (300, 20), (30, 31)])
def test_every_recipe_agrees_with_an_independent_path(
    size: tuple[int, int], describer: Describer, resnet18: Weights
) -> None:
    image = picture(*size)

    (description,) = described(describer, png(image))

    scales = [slow_maps(resnet18.state, image, longest) for longest in (96, 64, 48)]
    fused = [slow_fusion([scale[layer] for scale in scales]) for layer in (0, 1)]
    early, early_prev = map(slow_pooling, fused)

    def late(pool: Callable[[NDArray[np.float32]], Vector], layer: int = 0) -> Vector:
        return unit(np.sum([pool(scale[layer]) for scale in scales], axis=0))

    expected = {
        "single": slow_pooling(scales[1][0]),
        "late": late(slow_pooling),
        "early": early,
        "early_prev": early_prev,
        "osrmac": np.concatenate([early, early_prev]),
        "osrmac_local": slow_local(resnet18.state, fused, len(scales)),
        "mac": slow_mac(scales[1][0]),
        "late_mac": late(slow_mac),
        "rmac": slow_rmac(scales[1][0]),
        "late_rmac": late(slow_rmac),
        "rmac_integral": slow_integral(scales[1][0]),
        "rmac_regions": np.stack([slow_mac(region) for region in in_regions(scales[1][0])]),
        "msrmac": np.concatenate([slow_rmac(layer) for layer in scales[1]]),
        "late_msrmac": np.concatenate([late(slow_rmac, layer) for layer in (0, 1)]),
    }
    assert description.vectors.keys() == expected.keys()
    for name, vector in description.vectors.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, expected[name], rtol=0, atol=1e-5)


def test_the_parts_of_a_descriptor_have_unit_norm(describer: Describer) -> None:
    (description,) = described(describer, png(picture()))

    for name, vector in description.vectors.items():
        for part in np.split(vector, [512] if RECIPES[name].dimension((512, 256)) == 768 else [], axis=-1):
            np.testing.assert_allclose(np.linalg.norm(part, axis=-1), 1, rtol=1e-6)


def test_dimensions_are_those_of_the_vectors(describer: Describer) -> None:
    (description,) = described(describer, png(picture()))

    assert {name: vector.shape[-1] for name, vector in description.vectors.items()} == describer.dimensions
    of_both = {"osrmac", "osrmac_local", "msrmac", "late_msrmac"}
    of_the_last = RECIPES.keys() - of_both - {"early_prev"}
    assert describer.dimensions == {
        **dict.fromkeys(of_both, 768),
        **dict.fromkeys(of_the_last, 512),
        "early_prev": 256,
    }


def test_only_the_recipes_asked_for_are_computed(resnet18: Weights, describer: Describer) -> None:
    config = replace(CONFIG, recipes=("late", "osrmac"))

    (some,) = described(Describer(build("resnet18", (), resnet18.state), config), png(picture()))
    (every,) = described(describer, png(picture()))

    assert_bitwise_equal(some.vectors, {name: every.vectors[name] for name in ("late", "osrmac")})


def test_a_describer_is_loaded_as_configured(describer: Describer) -> None:
    (loaded,) = described(Describer.load(CONFIG), png(picture()))
    (expected,) = described(describer, png(picture()))

    assert_bitwise_equal(loaded.vectors, expected.vectors)


def test_chosen_taps_are_read() -> None:
    describer = Describer.load(replace(CONFIG, layers=("layer3", "layer2"), recipes=("single", "osrmac")))

    assert describer.dimensions == {"single": 256, "osrmac": 384}


def test_a_recipe_of_more_taps_than_given_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^recipe 'osrmac' needs 2 taps, not 1$"):
        Describer.load(replace(CONFIG, layers=("layer3",), recipes=("osrmac",)))


def test_every_tap_goes_into_multi_stage_recipes() -> None:
    config = replace(CONFIG, layers=("layer4", "layer3", "layer2"), recipes=("msrmac", "late_msrmac", "rmac"))
    describer = Describer.load(config)

    (description,) = described(describer, png(picture()))

    assert describer.dimensions == {"msrmac": 896, "late_msrmac": 896, "rmac": 512}
    parts = np.split(description.vectors["msrmac"], [512, 768])
    np.testing.assert_array_equal(parts[0], description.vectors["rmac"])
    assert [float(np.linalg.norm(part)) for part in parts] == pytest.approx([1, 1, 1])


# The classifier


REFUSED = r"^recipe 'osrmac_local' needs a classifier behind the first tap, and these weights and taps have none$"


def test_a_recipe_of_a_mask_is_refused_for_taps_without_a_classifier() -> None:
    with pytest.raises(ConfigError, match=REFUSED):
        Describer.load(replace(CONFIG, layers=("layer3", "layer2"), recipes=("osrmac_local",)))


def test_a_recipe_of_a_mask_is_refused_for_weights_without_a_classifier(resnet18: Weights) -> None:
    headless = build("resnet18", (), {name: value for name, value in resnet18.state.items() if name[:3] != "fc."})
    others = tuple(name for name in RECIPES if name != "osrmac_local")

    with pytest.raises(ConfigError, match=REFUSED):
        Describer(headless, CONFIG)
    assert tuple(Describer(headless, replace(CONFIG, recipes=others)).dimensions) == others


def test_a_photograph_is_masked_in_part() -> None:
    config = DescriptorConfig("efficientnet_lite0", recipes=("osrmac", "osrmac_local"), image_sizes=(320, 256))
    describer = Describer.load(config)
    photograph = Image.fromarray(skimage.data.coffee())

    vectors = describer.vectors(photograph)
    with torch.inference_mode():
        where = FeatureMaps(describer.feature_maps(photograph), describer.backbone.classifier).where()

    assert 0.1 < float(where.float().mean()) < 0.9
    for whole, local in zip(*(np.split(vectors[name], [1280]) for name in config.recipes), strict=True):
        assert float(np.linalg.norm(local)) == pytest.approx(1)
        assert float(np.linalg.norm(whole - local)) > 0.05


# Company


def test_neighbours_and_order_change_nothing(describer: Describer) -> None:
    images = [png(picture(90, 60, seed=1)), png(picture(40, 80, seed=2)), png(picture(33, 33, seed=3))]
    alone = [described(describer, image)[0] for image in images]

    together = described(describer, *images)
    reordered = described(describer, images[2], images[0], images[2], images[1])

    for result, expected in zip([*together, *reordered], [*alone, alone[2], alone[0], alone[2], alone[1]], strict=True):
        assert (result.width, result.height) == (expected.width, expected.height)
        assert_bitwise_equal(result.vectors, expected.vectors)


def test_a_failure_costs_no_neighbour(describer: Describer) -> None:
    good = [png(picture(seed=1)), png(picture(seed=2))]

    first, failed, second = describer([good[0], b"no picture", good[1]])

    assert failed == Failure("decode", "not an image of a known format")
    for result, expected in zip([first, second], described(describer, *good), strict=True):
        assert isinstance(result, Description)
        assert_bitwise_equal(result.vectors, expected.vectors)


def test_the_number_of_threads_changes_rounding_only(describer: Describer) -> None:
    (one,) = described(describer, png(picture(200, 150)))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (two,) = described(describer, png(picture(200, 150)))
    finally:
        torch.set_num_threads(threads)

    for name, vector in one.vectors.items():
        np.testing.assert_allclose(two.vectors[name], vector, rtol=0, atol=1e-5)


def test_images_are_read_as_results_are_taken(describer: Describer) -> None:
    taken = []

    def endless() -> Iterator[bytes]:
        for number in range(10**6):
            taken.append(number)
            yield png(picture(seed=number % 3))

    results = describer.stream(endless())

    assert not taken
    for number in range(4):
        assert isinstance(next(results), Description)
        assert number < len(taken) <= number + 3


def test_no_images_give_no_results(describer: Describer) -> None:
    assert describer([]) == []


# Boxes and orientation


def test_a_box_describes_what_it_cuts_out(describer: Describer) -> None:
    image = picture(90, 60)

    whole, part = describer([png(image), png(image)], [None, (10.2, 5, 70, 99)])
    expected_whole, expected_part = described(describer, png(image), png(image.crop((10, 5, 70, 60))))

    for result, expected in ((whole, expected_whole), (part, expected_part)):
        assert isinstance(result, Description)
        assert (result.width, result.height) == (90, 60)
        assert_bitwise_equal(result.vectors, expected.vectors)


def sideways(image: Image.Image, kind: str = "PNG") -> bytes:
    """The picture as a camera on its side stores it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(file, kind, exif=exif)
    return file.getvalue()


def smooth(width: int, height: int) -> Image.Image:
    return picture(9, 6).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("box", [None, (100, 40, 340, 200)])
def test_large_photographs_have_their_whole_size_and_boxes_are_in_its_pixels(
    box: Box | None, describer: Describer
) -> None:
    photograph = smooth(400, 240)

    results = describer([sideways(photograph, "JPEG"), png(photograph)], [box, box])

    vectors = []
    for result in results:
        assert isinstance(result, Description)
        assert (result.width, result.height) == (400, 240)
        vectors.append(result.vectors["osrmac"])
    assert np.dot(*vectors) / 2 > 0.999


def test_photographs_are_described_upright(describer: Describer) -> None:
    turned, upright = described(describer, sideways(picture(90, 60)), png(picture(90, 60)))

    assert (turned.width, turned.height) == (90, 60)
    assert_bitwise_equal(turned.vectors, upright.vectors)


def test_photographs_are_described_as_stored_on_request(resnet18: Weights) -> None:
    describer = Describer(build("resnet18", (), resnet18.state), replace(CONFIG, exif_orientation=False))

    (stored,) = described(describer, sideways(picture(90, 60)))

    assert (stored.width, stored.height) == (60, 90)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (3, 2)])
def test_extreme_pictures_are_described(size: tuple[int, int], describer: Describer) -> None:
    (description,) = described(describer, png(picture(*size)))

    assert (description.width, description.height) == size
    assert float(np.linalg.norm(description.vectors["osrmac"])) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_lines_are_described_at_the_scales_of_a_photograph(size: tuple[int, int], resnet18: Weights) -> None:
    describer = Describer(build("resnet18", (), resnet18.state), DescriptorConfig("resnet18", recipes=tuple(RECIPES)))

    (description,) = described(describer, png(picture(*size)))

    assert float(np.linalg.norm(description.vectors["osrmac"])) == pytest.approx(math.sqrt(2))


# Failures


def test_the_zoo_is_described_or_fails_and_no_neighbour_is_harmed(resnet18: Weights) -> None:
    config = replace(CONFIG, image_sizes=(48, 32), recipes=("osrmac", "osrmac_local"), max_pixels=LIMIT)
    describer = Describer(build("resnet18", (), resnet18.state), config)
    contents, sizes = zip(*zoo().values(), strict=True)

    results = describer(contents)

    for name, content, size, result in zip(zoo(), contents, sizes, results, strict=True):
        if isinstance(result, Failure):
            assert (size, result.stage) == (None, "decode"), name
            assert len(result.reason.splitlines()) == 1, name
        else:
            assert (result.width, result.height) == size, name
            assert_bitwise_equal(result.vectors, described(describer, content)[0].vectors)


def test_a_picture_over_the_limit_fails(resnet18: Weights) -> None:
    describer = Describer(build("resnet18", (), resnet18.state), replace(CONFIG, max_pixels=5000))

    assert describer([png(picture(90, 60))]) == [Failure("decode", "90x60 pixels are over the limit of 5000")]


@pytest.mark.parametrize("box", [(100, 0, 120, 60), (float("nan"), 0, 10, 10)], ids=["outside", "no number"])
def test_a_box_that_cuts_out_nothing_fails(box: tuple[float, float, float, float], describer: Describer) -> None:
    failed, described = describer([png(picture(90, 60))] * 2, [box, None])

    assert isinstance(failed, Failure)
    assert failed.stage == "crop"
    assert len(failed.reason.splitlines()) == 1
    assert isinstance(described, Description)


def test_weights_that_give_no_numbers_fail(resnet18: Weights) -> None:
    broken = {**resnet18.state, "conv1.weight": torch.full_like(resnet18.state["conv1.weight"], torch.nan)}
    describer = Describer(build("resnet18", (), broken), CONFIG)

    assert describer([png(picture())]) == [Failure("describe", "the descriptor is not finite")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("\nfirst line\nsecond line"), "RuntimeError: first line"),
        (torch.OutOfMemoryError(), "OutOfMemoryError"),
    ],
)
def test_what_torch_cannot_compute_fails_in_one_line(error: Exception, reason: str, describer: Describer) -> None:
    def fail(*_: object) -> None:
        raise error

    image = png(picture())
    with describer.backbone.register_forward_pre_hook(fail):
        results = describer([image])

    assert results == [Failure("describe", reason)]
    assert isinstance(describer([image])[0], Description)


@pytest.mark.parametrize(("precision", "nearest"), [("bf16", 1e-3), ("fp16", 1e-5)])
def test_short_numbers_agree_with_fp32_but_for_their_rounding(
    precision: Precision, nearest: float, describer: Describer
) -> None:
    config = replace(describer.config, precision=precision)
    rounded = Describer.load(config)
    image = png(picture())
    (exact,), (near,) = describer([image]), rounded([image])
    assert isinstance(exact, Description)
    assert isinstance(near, Description)
    for recipe in exact.vectors:
        assert near.vectors[recipe].dtype == np.float32
        left, right = (of.vectors[recipe].ravel().astype(float) for of in (exact, near))
        cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
        assert 1 - nearest < cosine < 1 - nearest / 1e4


def test_a_compiled_describer_sees_unusual_shapes_as_any_other(resnet18: Weights, describer: Describer) -> None:
    compiled = Describer(build("resnet18", (), resnet18.state), CONFIG, compiled=True)
    image = png(picture(90, 70))

    assert isinstance(compiled.backbone.trunk, Compiled)
    assert_bitwise_equal(described(compiled, image)[0].vectors, described(describer, image)[0].vectors)


def test_every_image_needs_its_box_or_none(describer: Describer) -> None:
    with pytest.raises(ValueError, match="zip"):
        describer([png(picture())], [None, None])


@pytest.mark.parametrize(("precision", "number"), [("fp32", 13), ("bf16", 0)])
def test_winograd_computes_what_is_fp32(precision: Precision, number: int, resnet18: Weights) -> None:
    describer = Describer(build("resnet18", (), resnet18.state), replace(CONFIG, precision=precision))

    assert sum(isinstance(layer, Winograd) for layer in describer.backbone.trunk.modules()) == number
