"""Backbones: networks without their head that return the feature maps of chosen layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from osrmac.descriptor.models import checkpoints
from osrmac.descriptor.models.architectures import Architecture, get_architecture
from osrmac.descriptor.models.checkpoints import ParameterMatch, StateDict
from osrmac.descriptor.models.weights import Weights, from_file
from osrmac.errors import ConfigError, WeightsError

__all__ = ["Backbone", "build", "load_weights", "used_weights"]

_PROBE_SIDE = 128
"""Side of the image that the network is tried with, in pixels."""


class Backbone(nn.Module):
    """A trunk that returns the feature maps of its layers, and the normalisation of its input.

    Args:
        trunk: Network that returns the maps of the layers by name.
        layers: Names of the layers, the last one first.
        mean: Mean of the RGB input, for pixels in 0..1.
        std: Standard deviation of the RGB input.

    Attributes:
        channels: Number of channels of each layer.
        flops_per_pixel: Floating-point operations per pixel of the input; a multiplication and an addition are two.
        classifier: Linear layer over the spatial mean of the first of the layers, or None.
        checkpoint_names: Name in the checkpoint of each loaded parameter.
        remarks: Notes for the user on how the checkpoint was read, one per line.

    Raises:
        ConfigError: A layer does not return feature maps, or the network takes one input size only.
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
        self.checkpoint_names: Mapping[str, str] = {}
        self.remarks: tuple[str, ...] = ()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.eval()
        self.channels, self.flops_per_pixel = self._probe()

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Normalise pixels and run the trunk in its own precision.

        Args:
            pixels: RGB in 0..1, float32, (N, 3, H, W).

        Returns:
            One feature map per layer, float32, (N, C_t, H_t, W_t), the last layer first.
        """
        dtype = next(self.trunk.parameters()).dtype
        maps = self.trunk(((pixels - self.mean) / self.std).to(dtype))
        return [maps[layer].float() for layer in self.layers]

    def from_bytes(self, pixels: Tensor) -> list[Tensor]:
        """Run on RGB in 0..255, uint8, (N, 3, H, W); see `forward` for the result."""
        return list(self(pixels.contiguous(memory_format=torch.channels_last).float().div(255)))

    @torch.inference_mode()
    def _probe(self) -> tuple[tuple[int, ...], float]:
        """Return the channels, and the operations per pixel."""
        counter = FlopCounterMode(display=False)
        try:
            with counter:
                maps = self(torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE))
        except AssertionError as error:  # raised by timm's networks of a fixed input size
            raise ConfigError("the backbone takes one input size only: choose a convolutional network") from error
        for layer, output in zip(self.layers, maps, strict=True):
            if output.ndim != 4:
                raise ConfigError(
                    f"layer '{layer}' returns {output.ndim}-d values, not maps: choose a convolutional layer"
                )
        return tuple(output.shape[1] for output in maps), counter.get_total_flops() / _PROBE_SIDE**2


def load_weights(backbone: str, weights: str) -> Weights:
    """Load the weights for a backbone.

    Args:
        backbone: Name of the architecture.
        weights: `auto` for ImageNet weights, `random:SEED`, or the path or URL of a checkpoint.

    Raises:
        ConfigError: The backbone is unknown, or the seed is not a number.
        WeightsError: The weights are unavailable.
    """
    architecture = get_architecture(backbone)
    if weights == "auto":
        return architecture.load_pretrained()
    if weights.startswith("random:"):
        return _random_weights(architecture, weights)
    return from_file(weights)


def _random_weights(architecture: Architecture, weights: str) -> Weights:
    seed = weights.removeprefix("random:")
    if not seed.isdecimal() or int(seed) >= 2**64:
        raise ConfigError(f"--weights {weights}: the seed must be a whole number below 2**64, as in random:0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed))
        return Weights(architecture.create().state_dict(), weights)


def build(backbone: str, layers: tuple[str, ...], state: StateDict) -> Backbone:
    """Build a backbone with the given weights, up to its last layer.

    Args:
        backbone: Name of the architecture.
        layers: Names of the layers to read, the last one first; empty for the architecture's default layers.
        state: Tensors of a checkpoint: see `checkpoints.match`. Those of later layers may be missing.

    Raises:
        ConfigError: The backbone or a layer is unknown.
        WeightsError: The weights do not fit the backbone.
    """
    architecture = get_architecture(backbone)
    layers = layers or architecture.layers
    network = architecture.create().eval()
    try:
        trunk = architecture.create_extractor(network, {layer: layer for layer in layers})
    except ValueError as error:
        raise ConfigError(
            f"{backbone} has no layers {' '.join(layers)}: its default layers are {' '.join(architecture.layers)}"
        ) from error
    result = Backbone(trunk, layers, architecture.mean, architecture.std)
    needed = {name: tensor for name, tensor in trunk.state_dict().items() if not checkpoints.is_batch_counter(name)}
    match = checkpoints.match(state, needed, network, backbone)
    names = {name: match.names[name] for name in needed}
    _load(trunk, {name: state[stored] for name, stored in names.items()}, backbone)
    if layers[0] == architecture.layers[0]:
        head = _find_head(match, state, architecture.classifier, result.channels[0])
        result.classifier = _linear(*(state[stored] for stored in head.values())) if head else None
        names |= head
    result.checkpoint_names = names
    result.remarks = checkpoints.remarks(match, state, set(names.values()), network.state_dict())
    return result


def _load(trunk: nn.Module, state: StateDict, backbone: str) -> None:
    try:
        trunk.load_state_dict(state, strict=False)  # batch counters are missing; evaluation does not use them
    except RuntimeError as error:  # raised for sparse tensors and those without values
        line = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(f"the weights do not fit {backbone}: {line}") from error


def _find_head(match: ParameterMatch, state: StateDict, classifier: str, channels: int) -> dict[str, str]:
    """Return the checkpoint's names of the classifier's weight and bias; empty if it has none for so many channels."""
    head = {name: match.names.get(name, "") for name in (f"{classifier}.weight", f"{classifier}.bias")}
    weight, bias = (state.get(stored) for stored in head.values())
    if weight is None or bias is None or weight.shape != (*bias.shape, channels):
        return {}
    return head


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    linear.load_state_dict({"weight": weight, "bias": bias})
    return linear


def used_weights(backbone: Backbone, weights: Weights) -> Weights:
    """Return the tensors that a backbone has loaded, under the architecture's own names, and how much it computes.

    They suffice to build the backbone again, and their digest does not depend on the layout of the checkpoint.

    Args:
        backbone: Backbone that was built from these weights.
        weights: The weights, as `load_weights` returned them.
    """
    state = {name: weights.state[stored] for name, stored in backbone.checkpoint_names.items()}
    return replace(weights, state=state, remarks=backbone.remarks, flops_per_pixel=backbone.flops_per_pixel)
