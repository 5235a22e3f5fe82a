"""Backbones: chosen layers, classifier, digest of the used weights, and weights that do not fit."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from osrmac.descriptor.models.backbones import build, load_weights, used_weights
from osrmac.descriptor.models.weights import Weights
from osrmac.errors import ConfigError, WeightsError
from tests.descriptor.models.networks import SMALL, built, headless, network, prefixed


def test_layers_can_be_chosen(resnet18: Weights) -> None:
    backbone = build("resnet18", ("layer3", "layer2"), resnet18.state)

    assert (backbone.layers, backbone.channels) == (("layer3", "layer2"), (256, 128))
    with torch.inference_mode():
        maps = backbone(torch.zeros(2, 3, 64, 96))
    assert [tuple(of_layer.shape) for of_layer in maps] == [(2, 256, 4, 6), (2, 128, 8, 12)]
    assert backbone.classifier is None


def test_the_arithmetic_is_counted(resnet18: Weights) -> None:
    """The convolutions of ResNet18 have 1.81 billion multiplications and additions for 224 x 224 pixels."""
    backbone = build("resnet18", (), resnet18.state)
    assert backbone.flops_per_pixel == used_weights(backbone, resnet18).flops_per_pixel
    assert backbone.flops_per_pixel * 224**2 / 2 == pytest.approx(1.81e9, rel=0.01)


@torch.inference_mode()
def test_feature_maps_of_a_resnet_are_taken_after_the_relu(resnet18: Weights) -> None:
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    for layer in build("resnet18", (), resnet18.state)(pixels):
        assert float(layer.min()) == 0 < float(layer.max())


@torch.inference_mode()
def test_batch_normalisation_uses_stored_statistics(resnet18: Weights) -> None:
    backbone = build("resnet18", (), resnet18.state)
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    in_batch = backbone(pixels)[0][:1]

    torch.testing.assert_close(in_batch, backbone(pixels[:1])[0])


def test_the_classifier_is_loaded_with_the_weights(resnet18: Weights) -> None:
    classifier = build("resnet18", (), resnet18.state).classifier

    assert classifier is not None
    assert torch.equal(classifier.weight, resnet18.state["fc.weight"])
    assert torch.equal(classifier.bias, resnet18.state["fc.bias"])


def test_a_network_that_does_not_classify_the_mean_of_its_last_layer_has_no_classifier() -> None:
    """MobileNetV3 has a layer of 1024 channels between its last stage, of 288 channels, and its classifier."""
    backbone = built("timm:mobilenetv3_small_050")

    assert (backbone.channels, backbone.classifier) == ((288, 24), None)


def test_other_layers_have_no_classifier_even_if_it_would_fit() -> None:
    """The head of EfficientNet-Lite has 1280 channels before its normalisation, too."""
    backbone = built("efficientnet_lite0", "conv_head", "blocks.4")

    assert (backbone.channels, backbone.classifier) == ((1280, 112), None)


def test_weights_without_a_head_give_no_classifier(resnet18: Weights) -> None:
    headless = {name: tensor for name, tensor in resnet18.state.items() if not name.startswith("fc.")}

    assert build("resnet18", (), headless).classifier is None


def test_the_digest_covers_the_parameters_that_the_layers_need(resnet18: Weights) -> None:
    changed = Weights({**resnet18.state, "layer4.0.conv1.weight": torch.zeros(512, 256, 3, 3)}, "changed")

    def digest_at(weights: Weights, *layers: str) -> str:
        return used_weights(build("resnet18", layers, weights.state), weights).digest

    assert digest_at(resnet18, "layer3", "layer2") == digest_at(changed, "layer3", "layer2")
    assert digest_at(resnet18) != digest_at(changed)


def test_the_digest_covers_the_classifier() -> None:
    plain = load_weights(SMALL, "random:0")
    changed = Weights({**plain.state, "fc.bias": torch.ones(1000)}, "changed")

    assert used_weights(build(SMALL, (), changed.state), changed).digest != used_weights(built(SMALL), plain).digest


def test_unused_layers_of_the_network_are_not_remarked_on() -> None:
    assert built("timm:mobilenetv3_small_050").remarks == ()
    assert built("resnet18", "layer3", "layer2").remarks == ()


@pytest.mark.parametrize(
    "head",
    [
        {"fc.weight": torch.ones(7, 96)},
        {"fc.weight": torch.ones(7, 95), "fc.bias": torch.ones(7)},
        {"fc.weight": torch.ones(7, 96), "fc.bias": torch.ones(8)},
        {"fc.0.weight": torch.ones(7, 96), "fc.0.bias": torch.ones(7)},
        {"head.fc.weight": torch.ones(7, 96), "head.fc.bias": torch.ones(7)},
    ],
    ids=["no bias", "other width", "other bias", "several layers", "other name"],
)
def test_a_head_that_does_not_fit_is_ignored_with_a_remark(head: dict[str, Tensor]) -> None:
    backbone = build(SMALL, (), headless(network().state_dict()) | head)

    plural, layer = "s" if len(head) > 1 else "", next(iter(head)).partition(".")[0]
    assert backbone.classifier is None
    assert backbone.remarks == (f"ignored {len(head)} tensor{plural} of the checkpoint: {layer}.*",)


def test_a_head_with_another_number_of_classes_is_loaded() -> None:
    head = {"module.fc.weight": torch.ones(7, 96), "module.fc.bias": torch.ones(7)}
    backbone = build(SMALL, (), prefixed("module.", headless(network().state_dict())) | head)

    assert backbone.classifier is not None
    assert (backbone.classifier.out_features, backbone.remarks) == (7, ())


def test_weights_in_half_precision_become_float32() -> None:
    half = {name: tensor.half() for name, tensor in network().state_dict().items()}
    backbone = build(SMALL, (), half)

    assert {tensor.dtype for tensor in backbone.parameters()} == {torch.float32}


def test_weights_after_the_last_layer_may_be_missing(resnet18: Weights) -> None:
    trunk = {name: tensor for name, tensor in resnet18.state.items() if not name.startswith(("layer4.", "fc."))}

    assert build("resnet18", ("layer3", "layer2"), trunk).channels == (256, 128)
    with pytest.raises(
        WeightsError, match=r"do not fit resnet18: 25 of 100 parameters are missing, first layer4\.0\.[^\n]*$"
    ):
        build("resnet18", (), trunk)


def test_batch_counters_may_be_missing(resnet18: Weights) -> None:
    old = {name: tensor for name, tensor in resnet18.state.items() if not name.endswith("num_batches_tracked")}

    assert build("resnet18", (), old).channels == (512, 256)


@pytest.mark.parametrize("name", ["resnet18", "timm:resnet10t"])
def test_an_unknown_layer_is_refused_with_the_default_ones(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"^{name} has no layers layer9 layer3: its default layers are layer4 layer3$"
    ):
        built(name, "layer9", "layer3")


@pytest.mark.parametrize("layer", ["flatten", "fc"])
def test_a_layer_without_feature_maps_is_refused(layer: str, resnet18: Weights) -> None:
    with pytest.raises(
        ConfigError, match=rf"^layer '{layer}' returns 2-d values, not maps: choose a convolutional layer$"
    ):
        build("resnet18", (layer,), resnet18.state)


def test_a_network_of_fixed_input_size_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"^the backbone takes one input size only: choose a convolutional network or"
    ):
        built("timm:mixer_s32_224")


def test_a_parameter_of_another_shape_is_refused_by_name(resnet18: Weights) -> None:
    misfit = {**resnet18.state, "layer4.1.conv2.weight": torch.zeros(512, 512, 1, 1)}

    with pytest.raises(
        WeightsError, match=r"do not fit resnet18: [^\n]*layer4\.1\.conv2\.weight: \(512, 512, 1, 1\) instead of"
    ):
        build("resnet18", (), misfit)


def test_weights_of_another_network_are_refused(resnet18: Weights) -> None:
    with pytest.raises(WeightsError, match=r"^the weights do not fit efficientnet_lite0: [^\n]*$"):
        build("efficientnet_lite0", (), resnet18.state)


@pytest.mark.parametrize(
    ("architecture", "expected", "line"),
    [
        (
            "resnet34",
            "resnet18",
            r"they have parameters that it lacks: 80, first layer1\.2\.conv1\.weight, which looks",
        ),
        ("resnet18", "resnet34", r"80 of 180 parameters are missing, first layer1\.2\.conv1\.weight$"),
        (
            "timm:vit_tiny_patch16_224",
            "resnet18",
            r"they have none of its parameters but model\.cls_token, which looks like",
        ),
    ],
)
def test_weights_of_another_architecture_are_refused_even_if_they_suffice(
    architecture: str, expected: str, line: str, tmp_path: Path
) -> None:
    torch.save({"model": load_weights(architecture, "random:0").state}, tmp_path / "other.pth")

    with pytest.raises(WeightsError, match=rf"^the weights do not fit {expected}: {line}"):
        build(expected, (), load_weights(expected, str(tmp_path / "other.pth")).state)


def test_sparse_tensors_are_refused_in_one_line() -> None:
    state = network().state_dict()
    sparse = {**state, "layer4.0.conv1.weight": state["layer4.0.conv1.weight"].to_sparse()}

    with pytest.raises(WeightsError, match=rf"^the weights do not fit {SMALL}: [^\n]*layer4\.0\.conv1\.weight[^\n]*$"):
        build(SMALL, (), sparse)
