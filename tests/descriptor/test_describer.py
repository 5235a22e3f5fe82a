"""Describer: recipes and layers, independence of neighbours, boxes, orientation, and failures."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image

from osrmac.config import DescriptorConfig, Precision
from osrmac.descriptor.describer import Describer, Description, Failure
from osrmac.descriptor.models.backbones import build
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.optimize.compile import CompiledTrunk
from osrmac.descriptor.optimize.winograd import WinogradConv2d
from osrmac.descriptor.recipes import RECIPES, FeatureMaps
from osrmac.errors import ConfigError
from osrmac.types import Box
from tests.pictures import encoded, textured
from tests.zoo import LIMIT, zoo

Vector = NDArray[np.float32]

CONFIG = DescriptorConfig(backbone="resnet18", weights="random:0", recipes=tuple(RECIPES), image_sizes=(48, 96, 64))


@pytest.fixture(scope="module")
def describer(resnet18: Weights) -> Describer:
    return Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG)


def described(describer: Describer, *images: bytes) -> list[Description]:
    results = [result for result in describer(images) if isinstance(result, Description)]
    assert len(results) == len(images)
    return results


def assert_bitwise_equal(actual: dict[str, Vector], expected: dict[str, Vector]) -> None:
    assert actual.keys() == expected.keys()
    for name, vector in actual.items():
        np.testing.assert_array_equal(vector, expected[name])


def test_each_part_of_a_descriptor_has_unit_norm(describer: Describer) -> None:
    (description,) = described(describer, encoded(textured()))

    for name, vector in description.vectors.items():
        for part in np.split(vector, [512] if RECIPES[name].dimension((512, 256)) == 768 else [], axis=-1):
            np.testing.assert_allclose(np.linalg.norm(part, axis=-1), 1, rtol=1e-6)


def test_dimensions_are_the_lengths_of_the_vectors(describer: Describer) -> None:
    (description,) = described(describer, encoded(textured()))

    assert {name: vector.shape[-1] for name, vector in description.vectors.items()} == describer.dimensions
    of_two_layers = {"osrmac", "osrmac_local", "msrmac", "late_msrmac"}
    of_last_layer = RECIPES.keys() - of_two_layers - {"early_prev"}
    assert describer.dimensions == {
        **dict.fromkeys(of_two_layers, 768),
        **dict.fromkeys(of_last_layer, 512),
        "early_prev": 256,
    }


def test_only_the_configured_recipes_are_computed(resnet18: Weights, describer: Describer) -> None:
    config = replace(CONFIG, recipes=("late", "osrmac"))

    (some,) = described(Describer(build("resnet18", (), resnet18.state, embedding=True), config), encoded(textured()))
    (every,) = described(describer, encoded(textured()))

    assert_bitwise_equal(some.vectors, {name: every.vectors[name] for name in ("late", "osrmac")})


def test_load_builds_the_configured_backbone(describer: Describer) -> None:
    (loaded,) = described(Describer.load(CONFIG), encoded(textured()))
    (expected,) = described(describer, encoded(textured()))

    assert_bitwise_equal(loaded.vectors, expected.vectors)


def test_configured_layers_are_read() -> None:
    describer = Describer.load(replace(CONFIG, layers=("layer3", "layer2"), recipes=("single", "osrmac")))

    assert describer.dimensions == {"single": 256, "osrmac": 384}


def test_a_recipe_of_more_layers_than_configured_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^recipe 'osrmac' needs 2 layers, not 1: name more with --layers$"):
        Describer.load(replace(CONFIG, layers=("layer3",), recipes=("osrmac",)))


def test_multi_stage_recipes_use_every_layer() -> None:
    config = replace(CONFIG, layers=("layer4", "layer3", "layer2"), recipes=("msrmac", "late_msrmac", "rmac"))
    describer = Describer.load(config)

    (description,) = described(describer, encoded(textured()))

    assert describer.dimensions == {"msrmac": 896, "late_msrmac": 896, "rmac": 512}
    parts = np.split(description.vectors["msrmac"], [512, 768])
    np.testing.assert_array_equal(parts[0], description.vectors["rmac"])
    assert [float(np.linalg.norm(part)) for part in parts] == pytest.approx([1, 1, 1])


# The classifier


REFUSAL = r"^recipe 'osrmac_local' needs a classifier of the last layer, and these weights and layers have none$"


def test_a_recipe_with_a_mask_is_refused_for_layers_without_a_classifier() -> None:
    with pytest.raises(ConfigError, match=REFUSAL):
        Describer.load(replace(CONFIG, layers=("layer3", "layer2"), recipes=("osrmac_local",)))


def test_a_recipe_with_a_mask_is_refused_for_weights_without_a_classifier(resnet18: Weights) -> None:
    state = {name: value for name, value in resnet18.state.items() if name[:3] != "fc."}
    headless = build("resnet18", (), state, embedding=True)
    others = tuple(name for name in RECIPES if name != "osrmac_local")

    with pytest.raises(ConfigError, match=REFUSAL):
        Describer(headless, CONFIG)
    assert tuple(Describer(headless, replace(CONFIG, recipes=others)).dimensions) == others


def test_the_mask_of_a_photograph_covers_a_part_of_it() -> None:
    config = DescriptorConfig(backbone="efficientnet_lite0", recipes=("osrmac", "osrmac_local"), image_sizes=(320, 256))
    describer = Describer.load(config)
    photograph = Image.fromarray(skimage.data.coffee())

    vectors = describer.vectors(photograph)
    with torch.inference_mode():
        mask = FeatureMaps(describer.feature_maps(photograph), describer.backbone.classifier).cam_mask()

    assert 0.1 < float(mask.float().mean()) < 0.9
    for whole, local in zip(*(np.split(vectors[name], [1280]) for name in config.recipes), strict=True):
        assert float(np.linalg.norm(local)) == pytest.approx(1)
        assert float(np.linalg.norm(whole - local)) > 0.05


# Other images


def test_other_images_and_their_order_change_nothing(describer: Describer) -> None:
    images = [encoded(textured(90, 60, seed=1)), encoded(textured(40, 80, seed=2)), encoded(textured(33, 33, seed=3))]
    alone = [described(describer, image)[0] for image in images]

    in_sequence = described(describer, *images)
    reordered = described(describer, images[2], images[0], images[2], images[1])

    for result, expected in zip(
        [*in_sequence, *reordered], [*alone, alone[2], alone[0], alone[2], alone[1]], strict=True
    ):
        assert (result.width, result.height) == (expected.width, expected.height)
        assert_bitwise_equal(result.vectors, expected.vectors)


def test_a_failure_does_not_affect_other_images(describer: Describer) -> None:
    good = [encoded(textured(seed=1)), encoded(textured(seed=2))]

    first, failed, second = describer([good[0], b"not an image", good[1]])

    assert failed == Failure("decode", "not an image of a known format")
    for result, expected in zip([first, second], described(describer, *good), strict=True):
        assert isinstance(result, Description)
        assert_bitwise_equal(result.vectors, expected.vectors)


def test_number_of_threads_changes_rounding_only(describer: Describer) -> None:
    (one,) = described(describer, encoded(textured(200, 150)))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        (two,) = described(describer, encoded(textured(200, 150)))
    finally:
        torch.set_num_threads(threads)

    for name, vector in one.vectors.items():
        np.testing.assert_allclose(two.vectors[name], vector, rtol=0, atol=1e-5)


def test_images_are_read_as_results_are_consumed(describer: Describer) -> None:
    read = []

    def endless() -> Iterator[bytes]:
        for number in range(10**6):
            read.append(number)
            yield encoded(textured(seed=number % 3))

    results = describer.stream(endless())

    assert not read
    for number in range(4):
        assert isinstance(next(results), Description)
        assert number < len(read) <= number + 3


def test_no_images_give_no_results(describer: Describer) -> None:
    assert describer([]) == []


# Boxes and orientation


def test_a_box_is_cropped_before_describing(describer: Describer) -> None:
    image = textured(90, 60)

    whole, part = describer([encoded(image), encoded(image)], [None, (10.2, 5, 70, 99)])
    expected_whole, expected_part = described(describer, encoded(image), encoded(image.crop((10, 5, 70, 60))))

    for result, expected in ((whole, expected_whole), (part, expected_part)):
        assert isinstance(result, Description)
        assert (result.width, result.height) == (90, 60)
        assert_bitwise_equal(result.vectors, expected.vectors)


def sideways(image: Image.Image, kind: str = "PNG") -> bytes:
    """The image as a camera stores it that is turned by 90 degrees."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), kind, exif=exif)


def smooth(width: int, height: int) -> Image.Image:
    return textured(9, 6).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("box", [None, (100, 40, 340, 200)])
def test_size_and_boxes_refer_to_the_full_size_of_large_photographs(box: Box | None, describer: Describer) -> None:
    photograph = smooth(400, 240)

    results = describer([sideways(photograph, "JPEG"), encoded(photograph)], [box, box])

    vectors = []
    for result in results:
        assert isinstance(result, Description)
        assert (result.width, result.height) == (400, 240)
        vectors.append(result.vectors["osrmac"])
    assert np.dot(*vectors) / 2 > 0.999


def test_photographs_are_described_upright(describer: Describer) -> None:
    turned, upright = described(describer, sideways(textured(90, 60)), encoded(textured(90, 60)))

    assert (turned.width, turned.height) == (90, 60)
    assert_bitwise_equal(turned.vectors, upright.vectors)


def test_photographs_are_described_as_stored_on_request(resnet18: Weights) -> None:
    describer = Describer(
        build("resnet18", (), resnet18.state, embedding=True), replace(CONFIG, exif_orientation=False)
    )

    (stored,) = described(describer, sideways(textured(90, 60)))

    assert (stored.width, stored.height) == (60, 90)


@pytest.mark.parametrize("size", [(1, 1), (1, 2000), (2000, 1), (3, 2)])
def test_images_of_extreme_shapes_are_described(size: tuple[int, int], describer: Describer) -> None:
    (description,) = described(describer, encoded(textured(*size)))

    assert (description.width, description.height) == size
    assert float(np.linalg.norm(description.vectors["osrmac"])) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_images_of_one_row_or_column_are_described_at_default_sizes(size: tuple[int, int], resnet18: Weights) -> None:
    describer = Describer(
        build("resnet18", (), resnet18.state, embedding=True),
        DescriptorConfig(backbone="resnet18", recipes=tuple(RECIPES)),
    )

    (description,) = described(describer, encoded(textured(*size)))

    assert float(np.linalg.norm(description.vectors["osrmac"])) == pytest.approx(math.sqrt(2))


# Failures


def test_files_of_the_zoo_are_described_or_fail_without_affecting_others(resnet18: Weights) -> None:
    config = replace(CONFIG, image_sizes=(48, 32), recipes=("osrmac", "osrmac_local"), max_pixels=LIMIT)
    describer = Describer(build("resnet18", (), resnet18.state, embedding=True), config)
    contents, sizes = zip(*zoo().values(), strict=True)

    results = describer(contents)

    for name, content, size, result in zip(zoo(), contents, sizes, results, strict=True):
        if isinstance(result, Failure):
            assert (size, result.stage) == (None, "decode"), name
            assert len(result.reason.splitlines()) == 1, name
        else:
            assert (result.width, result.height) == size, name
            assert_bitwise_equal(result.vectors, described(describer, content)[0].vectors)


def test_an_image_over_max_pixels_fails(resnet18: Weights) -> None:
    describer = Describer(build("resnet18", (), resnet18.state, embedding=True), replace(CONFIG, max_pixels=5000))

    assert describer([encoded(textured(90, 60))]) == [Failure("decode", "90x60 pixels are over the limit of 5000")]


@pytest.mark.parametrize("box", [(100, 0, 120, 60), (float("nan"), 0, 10, 10)], ids=["outside", "not a number"])
def test_a_box_outside_the_image_fails(box: tuple[float, float, float, float], describer: Describer) -> None:
    failed, described = describer([encoded(textured(90, 60))] * 2, [box, None])

    assert isinstance(failed, Failure)
    assert failed.stage == "crop"
    assert len(failed.reason.splitlines()) == 1
    assert isinstance(described, Description)


def test_descriptors_that_are_not_finite_fail(resnet18: Weights) -> None:
    broken = {**resnet18.state, "conv1.weight": torch.full_like(resnet18.state["conv1.weight"], torch.nan)}
    describer = Describer(build("resnet18", (), broken, embedding=True), CONFIG)

    assert describer([encoded(textured())]) == [Failure("describe", "the descriptor is not finite")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("\nfirst line\nsecond line"), "RuntimeError: first line"),
        (torch.OutOfMemoryError(), "OutOfMemoryError"),
    ],
)
def test_exceptions_of_the_network_become_one_line(error: Exception, reason: str, describer: Describer) -> None:
    def fail(*_: object) -> None:
        raise error

    image = encoded(textured())
    with describer.backbone.register_forward_pre_hook(fail):
        results = describer([image])

    assert results == [Failure("describe", reason)]
    assert isinstance(describer([image])[0], Description)


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16", 1e-3), ("fp16", 1e-5)])
def test_reduced_precision_agrees_with_fp32_up_to_rounding(
    precision: Precision, tolerance: float, describer: Describer
) -> None:
    config = replace(describer.config, precision=precision)
    rounded = Describer.load(config)
    image = encoded(textured())
    (exact,), (near,) = describer([image]), rounded([image])
    assert isinstance(exact, Description)
    assert isinstance(near, Description)
    for recipe in exact.vectors:
        assert near.vectors[recipe].dtype == np.float32
        left, right = (of.vectors[recipe].ravel().astype(float) for of in (exact, near))
        cosine = left @ right / np.linalg.norm(left) / np.linalg.norm(right)
        assert 1 - tolerance < cosine < 1 - tolerance / 1e4


@pytest.mark.integration
def test_a_compiled_describer_does_not_compile_uncommon_shapes(resnet18: Weights, describer: Describer) -> None:
    compiled = Describer(build("resnet18", (), resnet18.state, embedding=True), CONFIG, compiled=True)
    image = encoded(textured(90, 70))

    assert isinstance(compiled.backbone.trunk, CompiledTrunk)
    assert_bitwise_equal(described(compiled, image)[0].vectors, described(describer, image)[0].vectors)


def test_boxes_of_another_number_than_images_are_refused(describer: Describer) -> None:
    with pytest.raises(ValueError, match="zip"):
        describer([encoded(textured())], [None, None])


@pytest.mark.parametrize(("precision", "number"), [("fp32", 13), ("bf16", 0)])
def test_winograd_convolution_is_used_in_fp32_only(precision: Precision, number: int, resnet18: Weights) -> None:
    describer = Describer(build("resnet18", (), resnet18.state, embedding=True), replace(CONFIG, precision=precision))

    assert sum(isinstance(layer, WinogradConv2d) for layer in describer.backbone.trunk.modules()) == number
