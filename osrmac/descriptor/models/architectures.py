"""The supported network architectures: how to build each, which layers to read, and where its weights come from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torchvision.models
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from osrmac.descriptor.models.checkpoints import StateDict
from osrmac.descriptor.models.published_names import to_timm_names
from osrmac.descriptor.models.transformers import HEAD, TransformerTrunk, default_layers, patch_side
from osrmac.descriptor.models.weights import Weights, from_download, from_lite_package
from osrmac.errors import ConfigError, WeightsError

__all__ = ["Architecture", "get_architecture"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Architecture:
    """A published network."""

    create: Callable[[], nn.Module]
    """Creates the network with random weights."""

    create_extractor: Callable[[nn.Module, Mapping[str, str]], nn.Module]
    """Cuts a network down to the given layers, so that it returns their feature maps by name; for `head`, its input."""

    layers: tuple[str, ...]
    """Default layers to read: the outputs of the last two stages, the last one first."""

    classifier: str
    """Name of the linear layer that classifies the spatial mean of the last layer; may name no layer."""

    mean: tuple[float, ...]
    """Mean by which the RGB input is normalised, for pixels in 0..1."""

    std: tuple[float, ...]
    """Standard deviation by which the RGB input is normalised."""

    load_pretrained: Callable[[], Weights]
    """Loads the published weights."""

    head: str = ""
    """Name of the classifier, whose input is the embedding of the whole image; empty if there is none."""

    patch: int = 1
    """Number of pixels of which the sides of its images are multiples."""

    rectified: bool = False
    """Whether negative values of the maps count as zero when they are pooled: see `Backbone`."""

    own_names: Callable[[StateDict], StateDict] = dict
    """Renames the tensors of a checkpoint with published names."""


def get_architecture(name: str) -> Architecture:
    """Look up an architecture by its name.

    Raises:
        ConfigError: The name is unknown, or the architecture needs timm, which is not installed.
    """
    if name in _RESNETS:
        return _resnet(name)
    if name == "resnet50_caffe":
        return _resnet50_caffe()
    if name in _LITE_NUMBERS:
        return _efficientnet_lite(name)
    if name.startswith("timm:"):
        return _timm(name.removeprefix("timm:"))
    names = (*_RESNETS, "resnet50_caffe", *_LITE_NUMBERS)
    raise ConfigError(f"unknown backbone '{name}': choose from {', '.join(names)}, or timm:NAME")


# The first ImageNet weights of each ResNet, trained by the classic recipe of the paper's time. The later ones classify
# better, but their stronger regularisation makes retrieval worse.
_RESNETS = {
    "resnet18": torchvision.models.ResNet18_Weights.IMAGENET1K_V1,
    "resnet34": torchvision.models.ResNet34_Weights.IMAGENET1K_V1,
    "resnet50": torchvision.models.ResNet50_Weights.IMAGENET1K_V1,
    "resnet101": torchvision.models.ResNet101_Weights.IMAGENET1K_V1,
    "resnet152": torchvision.models.ResNet152_Weights.IMAGENET1K_V1,
}


def _resnet(name: str) -> Architecture:
    published = _RESNETS[name]
    return Architecture(
        create=lambda: torchvision.models.get_model(name),
        create_extractor=_traced(create_feature_extractor, "fc"),
        layers=("layer4", "layer3"),
        classifier="fc",
        head="fc",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        load_pretrained=lambda: from_download(
            lambda: published.get_state_dict(progress=False, check_hash=True, weights_only=True),
            f"{name} {published.name}",
        ),
    )


def _resnet50_caffe() -> Architecture:
    """ResNet50 as first published (He et al. 2016): strides in the 1x1 convolutions, pooling without padding."""

    def create() -> nn.Module:
        network = torchvision.models.resnet50()
        network.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=0, ceil_mode=True)
        for stage in (network.layer2, network.layer3, network.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        return network

    def load_pretrained() -> Weights:
        raise WeightsError("no weights are published for resnet50_caffe: give a state dict with --weights PATH")

    return Architecture(
        create=create,
        create_extractor=_traced(create_feature_extractor, "fc"),
        layers=("layer4", "layer3"),
        classifier="fc",
        head="fc",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        load_pretrained=load_pretrained,
    )


_LITE_NUMBERS = {f"efficientnet_lite{number}": number for number in range(3)}


def _efficientnet_lite(name: str) -> Architecture:
    """EfficientNet-Lite: reads the head convolution and the last stage of stride 16; the input is (x - 127) / 128."""
    timm_models = _import_timm(name)

    def create() -> nn.Module:
        network: nn.Module = timm_models.create_model(f"tf_{name}")
        return network

    return Architecture(
        create=create,
        create_extractor=_traced(timm_models.create_feature_extractor, "classifier"),
        layers=("bn2", "blocks.4"),
        classifier="classifier",
        head="classifier",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        load_pretrained=lambda: from_lite_package(_LITE_NUMBERS[name], create().state_dict()),
    )


def _timm(name: str) -> Architecture:
    """Any convolutional network of timm: reads the outputs of its last two stages. Or a vision transformer."""
    timm_models = _import_timm(f"timm:{name}")
    if not timm_models.is_model(name):
        raise ConfigError(f"timm has no model '{name}': see timm.list_models()")
    try:
        timm_models.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise ConfigError(f"timm has no weights '{name}': see timm.list_pretrained()") from error
    if timm_models.model_entrypoint(name).__module__.removeprefix("timm.models.") in _TRANSFORMER_MODULES:
        return _timm_transformer(name, timm_models)
    network = timm_models.create_model(name)
    stages = getattr(network, "feature_info", None) or []
    settings = network.pretrained_cfg
    classifier = settings.get("classifier")
    head = classifier if isinstance(classifier, str) else ""
    return Architecture(
        create=lambda: timm_models.create_model(name),
        create_extractor=_traced(timm_models.create_feature_extractor, head),
        layers=tuple(stage["module"] for stage in reversed(stages[-2:])),
        classifier=head,
        mean=settings["mean"],
        std=settings["std"],
        load_pretrained=lambda: from_download(
            lambda: timm_models.create_model(name, pretrained=True).state_dict(), f"timm's {name}"
        ),
        head=head,
    )


_TRANSFORMER_MODULES = {"vision_transformer", "vision_transformer_hybrid", "deit", "eva", "vitamin"}
"""Modules of timm whose networks are all a `VisionTransformer` or an `Eva`."""


def _timm_transformer(name: str, timm_models: Any) -> Architecture:
    """A vision transformer of timm: reads the tokens of its last block and of the one at two thirds."""
    # DINOv3 describes an image by its class token, and timm by default by the mean of the others.
    pooling = {"global_pool": "token"} if "dinov3" in name else {}

    def create(**options: Any) -> Any:
        return timm_models.create_model(name, dynamic_img_size=True, **pooling, **options)

    with torch.device("meta"):
        network = create()
    settings = network.pretrained_cfg
    return Architecture(
        create=create,
        create_extractor=TransformerTrunk,
        layers=default_layers(len(network.blocks)),
        classifier="",  # none classifies the mean of the maps without a normalisation or an attention before
        mean=settings["mean"],
        std=settings["std"],
        load_pretrained=lambda: from_download(lambda: create(pretrained=True).state_dict(), f"timm's {name}"),
        head=HEAD,
        patch=patch_side(network),
        rectified=True,
        own_names=lambda state: to_timm_names(state, network, _converter(network), f"timm:{name}"),
    )


def _converter(network: Any) -> Any:
    """Return the function by which timm converts the checkpoints of a network."""
    modules = [sys.modules[of_class.__module__] for of_class in type(network).__mro__]
    return next(module.checkpoint_filter_fn for module in modules if hasattr(module, "checkpoint_filter_fn"))


def _traced(
    create_extractor: Callable[[nn.Module, Mapping[str, str]], nn.Module], head: str
) -> Callable[[nn.Module, Mapping[str, str]], nn.Module]:
    """Let a function that cuts a network down to the outputs of layers return the input of the head, too."""

    def create(network: nn.Module, outputs: Mapping[str, str]) -> nn.Module:
        if head not in outputs:
            return create_extractor(network, outputs)
        classifier = network.get_submodule(head)
        network.set_submodule(head, nn.Identity())
        try:
            return create_extractor(network, outputs)
        finally:
            network.set_submodule(head, classifier)

    return create


def _import_timm(backbone: str) -> Any:
    try:
        import timm.models
    except ModuleNotFoundError as error:
        raise ConfigError(f"{backbone} needs timm: pip install 'osrmac[timm]'") from error
    return timm.models
