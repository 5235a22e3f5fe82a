"""Sizes of feature maps against the maps that networks of each rounding compute."""

import pytest
import torch

from osrmac.descriptor.models.map_size import map_sizes
from osrmac.descriptor.resize import scaled_size
from osrmac.errors import ConfigError
from tests.descriptor.models.networks import built

SIZES = [(64, 64), (65, 96), (33, 97), (79, 34), (95, 48)]
"""Widths and heights on both sides of multiples of the stride, which networks round up or down."""


@pytest.mark.parametrize(
    ("backbone", "layers"),
    [
        ("resnet18", ("layer4", "layer2")),
        ("resnet50_caffe", ("layer3",)),
        ("efficientnet_lite0", ("bn2", "blocks.4")),
        ("timm:convnext_atto", ("stages.3", "stages.2")),
        ("timm:test_vit", ("blocks.5",)),
    ],
)
@torch.inference_mode()
def test_sizes_are_those_of_the_maps_of_the_network(backbone: str, layers: tuple[str, ...]) -> None:
    network = built(backbone, *layers)
    size_of = [map_sizes(backbone, layer) for layer in layers]

    for width, height in SIZES:
        longest = max(width, height)
        seen_width, seen_height = scaled_size(width, height, longest, network.patch)
        maps = network(torch.zeros(1, 3, seen_height, seen_width))
        assert [size(width, height, longest) for size in size_of] == [tuple(of_layer.shape[-2:]) for of_layer in maps]


def test_sizes_at_which_images_are_described_are_known_by_hand() -> None:
    """ResNets round up at each of five halvings: 800 x 533 pixels give 25 x 17 cells."""
    size = map_sizes("resnet50", "layer4")

    assert [size(800, 533, 800), size(600, 800, 800), size(1600, 2, 800)] == [(17, 25), (25, 19), (1, 25)]


def test_an_unknown_backbone_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown backbone 'resnet19'"):
        map_sizes("resnet19", "layer4")
