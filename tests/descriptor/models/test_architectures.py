"""Architectures: default layers, strides, input normalisation, and packaged weights on photographs."""

import numpy as np
import pytest
import skimage.data
import sklearn.datasets
import torch
from PIL import Image
from torch import Tensor
from torchvision.models import ResNet50_Weights

from osrmac.descriptor.models.architectures import get_architecture
from osrmac.descriptor.models.backbones import Backbone, build, load_weights
from osrmac.descriptor.resize import image_pyramid
from osrmac.errors import ConfigError
from tests.descriptor.models.networks import built

CATEGORIES: list[str] = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]


@torch.inference_mode()
def map_sizes(backbone: Backbone, height: int, width: int) -> list[tuple[int, ...]]:
    return [tuple(maps.shape) for maps in backbone(torch.zeros(2, 3, height, width))]


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    return build("efficientnet_lite0", (), load_weights("efficientnet_lite0", "auto").state)


@pytest.mark.parametrize(
    ("name", "layers", "channels"),
    [
        ("resnet18", ("layer4", "layer3"), (512, 256)),
        ("resnet50", ("layer4", "layer3"), (2048, 1024)),
        ("resnet50_caffe", ("layer4", "layer3"), (2048, 1024)),
        ("efficientnet_lite0", ("bn2", "blocks.4"), (1280, 112)),
        ("timm:resnet10t", ("layer4", "layer3"), (512, 256)),
    ],
)
def test_default_layers_are_the_last_two_stages(name: str, layers: tuple[str, ...], channels: tuple[int, ...]) -> None:
    backbone = built(name)

    assert (backbone.layers, backbone.channels) == (layers, channels)
    assert map_sizes(backbone, 96, 160) == [(2, channels[0], 3, 5), (2, channels[1], 6, 10)]


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize(
    ("size", "last", "previous"),
    [((65, 97), (3, 4), (5, 7)), ((64, 64), (2, 2), (4, 4)), ((1, 1), (1, 1), (1, 1)), ((1, 96), (1, 3), (1, 6))],
)
def test_strides_are_32_and_16(
    name: str, size: tuple[int, int], last: tuple[int, int], previous: tuple[int, int]
) -> None:
    backbone = built(name)

    assert [shape[2:] for shape in map_sizes(backbone, *size)] == [last, previous]


def test_resnet50_caffe_strides_in_1x1_convolutions_and_pools_without_padding() -> None:
    network = get_architecture("resnet50_caffe").create()
    modules = dict(network.named_modules())

    for stage in ("layer2", "layer3", "layer4"):
        assert [modules[f"{stage}.0.conv{number}"].stride for number in (1, 2, 3)] == [(2, 2), (1, 1), (1, 1)]
        assert modules[f"{stage}.0.downsample.0"].stride == (2, 2)
    assert modules["layer1.0.conv1"].stride == (1, 1)
    # The last window covers the last column alone: it exists only if sizes are rounded up, without padding.
    pooled = modules["maxpool"](torch.arange(6.0).expand(1, 1, 3, 6))
    assert pooled.tolist() == [[[[2, 4, 5]]]]


def test_efficientnet_lite_normalises_pixels_by_127_and_128(lite0: Backbone) -> None:
    seen: list[Tensor] = []
    pixels = torch.tensor([0.0, 127.0, 255.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)

    with lite0.trunk.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
        lite0(pixels / 255)

    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([-127 / 128, 0, 1]))


@pytest.mark.parametrize(("number", "last", "previous"), [(0, 1280, 112), (1, 1280, 112), (2, 1280, 120)])
def test_packaged_weights_fit_efficientnet_lite(number: int, last: int, previous: int) -> None:
    weights = load_weights(f"efficientnet_lite{number}", "auto")
    backbone = build(f"efficientnet_lite{number}", (), weights.state)

    assert backbone.channels == (last, previous)
    assert weights.source.startswith(f"efficientnet-lite{number}")


@torch.inference_mode()
def top_categories(backbone: Backbone, photograph: Image.Image) -> list[str]:
    """The two categories with the highest scores."""
    (pixels,) = image_pyramid(photograph, [320])
    maps = backbone(pixels[None].float() / 255)
    assert backbone.classifier is not None
    scores = backbone.classifier(maps[0].mean(dim=(2, 3)))[0]
    return [CATEGORIES[index] for index in scores.topk(2).indices.tolist()]


def test_packaged_weights_classify_photographs(lite0: Backbone) -> None:
    assert top_categories(lite0, Image.fromarray(skimage.data.coffee()))[0] in {"espresso", "cup"}
    assert top_categories(lite0, Image.fromarray(skimage.data.chelsea()))[0] in {"tabby", "tiger cat", "Egyptian cat"}
    china = sklearn.datasets.load_sample_image("china.jpg")
    assert {"palace", "bell cote"} & set(top_categories(lite0, Image.fromarray(np.asarray(china))))


@pytest.mark.parametrize("name", ["resnet19", "vgg", "timm:nosuch", "timm:", ""])
def test_an_unknown_backbone_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"'{name.removeprefix('timm:')}'[^\n]*$"):
        load_weights(name, "random:0")
