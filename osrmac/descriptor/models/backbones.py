"""Networks without their head that give the maps of chosen layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torchvision.models
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

from osrmac.descriptor.models import checkpoints
from osrmac.descriptor.models.checkpoints import StateDict
from osrmac.descriptor.models.weights import Weights, from_download, from_file, from_lite_package
from osrmac.errors import ConfigError, WeightsError

__all__ = ["Architecture", "Backbone", "architecture", "build", "load_weights", "loaded"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_PROBE_SIDE = 128


@dataclass(frozen=True)
class Architecture:
    """A network as it is published: how to build it untrained, and what belongs to its weights."""

    build: Callable[[], nn.Module]
    """Makes the network with random weights."""

    extractor: Callable[[nn.Module, Mapping[str, str]], nn.Module]
    """Cuts the network down to what the given layers need; the result maps names to maps."""

    layers: tuple[str, ...]
    """The outputs of the last two stages, the last one first."""

    classifier: str
    """Name of the linear layer that classifies the mean of the last tap."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    """Of the RGB input, for pixels in 0..1."""

    pretrained: Callable[[], Weights]
    """Finds the ImageNet weights."""


class Backbone(nn.Module):
    """A trunk that returns the maps of its taps, with its own input normalisation.

    Attributes:
        channels: Number of channels at each tap, the last layer first.
        classifier: Linear layer over the spatial mean of the first map, or None.
        names: For each loaded parameter its name in the checkpoint.
        remarks: What a user should know of how the checkpoint was read, in a line each.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        trunk: nn.Module,
        layers: tuple[str, ...],
        mean: tuple[float, ...],
        std: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.layers = layers
        self.classifier: nn.Linear | None = None
        self.names: dict[str, str] = {}
        self.remarks: tuple[str, ...] = ()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.eval()
        self.channels = self._probe()

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Run the trunk.

        Args:
            pixels: RGB in 0..1, float32, (N, 3, H, W).

        Returns:
            One map a tap, float32, (N, C_t, H_t, W_t), the last layer first, in whatever precision the trunk computes.
        """
        precision = next(self.trunk.parameters()).dtype
        maps = self.trunk(((pixels - self.mean) / self.std).to(precision))
        return [maps[layer].float() for layer in self.layers]

    @torch.inference_mode()
    def _probe(self) -> tuple[int, ...]:
        try:
            maps = self(torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE))
        except AssertionError as error:  # timm's word for a network bound to one input size
            raise ConfigError("the backbone takes one input size only: choose a convolutional network") from error
        for layer, found in zip(self.layers, maps, strict=True):
            if found.ndim != 4:
                raise ConfigError(f"tap '{layer}' gives {found.ndim}-d values, not maps: choose a convolutional layer")
        return tuple(found.shape[1] for found in maps)


def architecture(name: str) -> Architecture:
    """The architecture of this name.

    Raises:
        ConfigError: No such backbone, or it needs an extra that is not installed.
    """
    if name in _RESNETS:
        return _resnet(name)
    if name == "resnet50_caffe":
        return _resnet50_caffe()
    if name in _LITE:
        return _efficientnet_lite(name)
    if name.startswith("timm:"):
        return _timm(name.removeprefix("timm:"))
    known = (*_RESNETS, "resnet50_caffe", *_LITE)
    raise ConfigError(f"unknown backbone '{name}': choose from {', '.join(known)}, or timm:NAME")


def load_weights(backbone: str, weights: str) -> Weights:
    """Find the weights of a backbone.

    Args:
        backbone: Name of the architecture.
        weights: `auto` for ImageNet, `random:SEED`, or a path or URL of a checkpoint.

    Raises:
        ConfigError: Unknown backbone, or a seed that is no number.
        WeightsError: They cannot be had.
    """
    known = architecture(backbone)
    if weights == "auto":
        return known.pretrained()
    if weights.startswith("random:"):
        return _random_weights(known, weights)
    return from_file(weights)


def build(backbone: str, layers: tuple[str, ...], state: StateDict) -> Backbone:
    """Build a backbone with the given weights, up to its last tap.

    Args:
        backbone: Name of the architecture.
        layers: Layers to read, the last one first; empty for the architecture's own.
        state: Tensors of a checkpoint, see `checkpoints.fit`; those behind the last tap are not needed.

    Raises:
        ConfigError: Unknown backbone or tap.
        WeightsError: The checkpoint does not fit.
    """
    known = architecture(backbone)
    layers = layers or known.layers
    whole = known.build().eval()
    try:
        trunk = known.extractor(whole, {layer: layer for layer in layers})
    except ValueError as error:
        raise ConfigError(
            f"{backbone} has no layers {' '.join(layers)}: its own taps are {' '.join(known.layers)}"
        ) from error
    network = Backbone(trunk, layers, known.mean, known.std)
    needed = {name: tensor for name, tensor in trunk.state_dict().items() if not checkpoints.is_counter(name)}
    found = checkpoints.fit(state, needed, whole, backbone)
    network.names = {name: found.names[name] for name in needed}
    _load(trunk, {name: state[theirs] for name, theirs in network.names.items()}, backbone)
    if layers[0] == known.layers[0]:
        head = _head(found, state, known.classifier, network.channels[0])
        network.classifier = _linear(*(state[theirs] for theirs in head.values())) if head else None
        network.names |= head
    network.remarks = checkpoints.remarks(found, state, set(network.names.values()), whole.state_dict())
    return network


def _load(trunk: nn.Module, state: StateDict, backbone: str) -> None:
    try:
        trunk.load_state_dict(state, strict=False)  # the batch counters, which play no part, are left out
    except RuntimeError as error:  # tensors that are not dense, or have no values
        line = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(f"the weights do not fit {backbone}: {line}") from error


def loaded(backbone: Backbone, weights: Weights) -> Weights:
    """What a backbone has taken of its weights, in the architecture's own names.

    The same whatever the checkpoint was wrapped in, and enough to build the backbone again.

    Args:
        backbone: Built from these weights.
        weights: As they were found.
    """
    state = {name: weights.state[theirs] for name, theirs in backbone.names.items()}
    return replace(weights, state=state, remarks=backbone.remarks)


def _head(found: checkpoints.Fit, state: StateDict, classifier: str, channels: int) -> dict[str, str]:
    """Names of a classifier's weight and bias, if it is there and takes that many channels."""
    head = {name: found.names.get(name, "") for name in (f"{classifier}.weight", f"{classifier}.bias")}
    weight, bias = (state.get(name) for name in head.values())
    if weight is None or bias is None or weight.shape != (*bias.shape, channels):
        return {}
    return head


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def _random_weights(known: Architecture, weights: str) -> Weights:
    seed = weights.removeprefix("random:")
    if not seed.isdecimal() or int(seed) >= 2**64:
        raise ConfigError(f"--weights {weights}: the seed must be a whole number below 2**64, as in random:0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed))
        return Weights(known.build().state_dict(), weights)


# The first ImageNet weights of each ResNet: trained by the classic recipe of the paper's time.
# The later ones classify better but are regularised in ways that cost retrieval.
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
        build=lambda: torchvision.models.get_model(name),
        extractor=create_feature_extractor,
        layers=("layer4", "layer3"),
        classifier="fc",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        pretrained=lambda: from_download(
            lambda: published.get_state_dict(progress=False, check_hash=True, weights_only=True),
            f"{name} {published.name}",
        ),
    )


def _resnet50_caffe() -> Architecture:
    """ResNet50 as first published (He et al. 2016): it strides in the 1x1 convolutions and pools without padding."""

    def make() -> nn.Module:
        network = torchvision.models.resnet50()
        network.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=0, ceil_mode=True)
        for stage in (network.layer2, network.layer3, network.layer4):
            stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
        return network

    def pretrained() -> Weights:
        raise WeightsError("no weights are published for resnet50_caffe: give a state dict with --weights PATH")

    return Architecture(
        build=make,
        extractor=create_feature_extractor,
        layers=("layer4", "layer3"),
        classifier="fc",
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        pretrained=pretrained,
    )


_LITE = {f"efficientnet_lite{number}": number for number in range(3)}


def _efficientnet_lite(name: str) -> Architecture:
    """EfficientNet-Lite: taps its head convolution and its last stage of stride 16, input (x - 127) / 128."""
    timm_models = _import_timm(name)

    def make() -> nn.Module:
        network: nn.Module = timm_models.create_model(f"tf_{name}")
        return network

    return Architecture(
        build=make,
        extractor=timm_models.create_feature_extractor,
        layers=("bn2", "blocks.4"),
        classifier="classifier",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
        pretrained=lambda: from_lite_package(_LITE[name], make().state_dict()),
    )


def _timm(name: str) -> Architecture:
    """Any convolutional network of timm: taps the outputs of its last two stages."""
    timm_models = _import_timm(f"timm:{name}")
    if not timm_models.is_model(name):
        raise ConfigError(f"timm has no model '{name}': see timm.list_models()")
    network = timm_models.create_model(name)
    stages = getattr(network, "feature_info", None) or []
    settings = network.pretrained_cfg
    classifier = settings.get("classifier")
    return Architecture(
        build=lambda: timm_models.create_model(name),
        extractor=timm_models.create_feature_extractor,
        layers=tuple(stage["module"] for stage in reversed(stages[-2:])),
        classifier=classifier if isinstance(classifier, str) else "",
        mean=settings["mean"],
        std=settings["std"],
        pretrained=lambda: from_download(
            lambda: timm_models.create_model(name, pretrained=True).state_dict(), f"timm's {name}"
        ),
    )


def _import_timm(backbone: str):  # type: ignore[no-untyped-def]  # timm is an optional module
    try:
        import timm.models
    except ModuleNotFoundError as error:
        raise ConfigError(f"{backbone} needs timm: pip install 'osrmac[timm]'") from error
    return timm.models
