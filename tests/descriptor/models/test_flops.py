import pytest

from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.backbones import Backbone
from osrmac.descriptor.models.flops import flops_per_image


def backbone() -> Backbone:
    weights = backbones.load_weights("resnet18", "random:0")
    return backbones.build("resnet18", (), weights.state)


def test_operations_are_those_of_all_image_sizes() -> None:
    both = flops_per_image(backbone(), (256, 128))
    assert both == pytest.approx(sum(flops_per_image(backbone(), (size,)) for size in (256, 128)))


def test_a_resnet18_computes_about_1_8_billion_multiplications_for_224_pixels() -> None:
    # 256 and, at 4:3, 192 are multiples of 32, so that no layer rounds up.
    assert flops_per_image(backbone(), (256,), [(1, 1)]) / 2 * (224 / 256) ** 2 == pytest.approx(1.8e9, rel=0.02)


def test_operations_are_proportional_to_pixels() -> None:
    wide, square = flops_per_image(backbone(), (256,), [(2, 1)]), flops_per_image(backbone(), (256,), [(1, 1)])
    assert square == pytest.approx(2 * wide)
    assert flops_per_image(backbone(), (256,), [(2, 1), (1, 1)]) == pytest.approx((wide + square) / 2)
