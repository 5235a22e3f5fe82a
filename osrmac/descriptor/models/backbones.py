"""Backbones: networks without their classifier that return the feature maps of chosen layers."""

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
        head: Name under which the trunk returns the embedding of the whole image, if it does.
        patch: Number of pixels of which the sides of the input are multiples.
        rectified: Whether recipes see the maps with zeros in place of negative values, as after a ReLU. The tokens of a
            transformer have any sign, and OS-RMAC squares the maxima of regions: a channel that is negative everywhere,
            as the outliers of transformers are, would count like the strongest response.

    Attributes:
        channels: Number of channels of each layer.
        embedding_length: Length of the embedding of the whole image; None if the trunk returns none.
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
        *,
        head: str | None = None,
        patch: int = 1,
        rectified: bool = False,
    ) -> None:
        super().__init__()
        self.trunk = trunk
        self.layers = layers
        self.patch = patch
        self.rectified = rectified
        self._outputs = layers if head is None else (*layers, head)
        self.classifier: nn.Linear | None = None
        self.checkpoint_names: Mapping[str, str] = {}
        self.remarks: tuple[str, ...] = ()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.eval()
        self.requires_grad_(False)  # counting the arithmetic of attention pooling fails otherwise
        self.channels, self.embedding_length, self.flops_per_pixel = self._probe()

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Normalise pixels and run the trunk in its own precision.

        Args:
            pixels: RGB in 0..1, float32, (N, 3, H, W).

        Returns:
            One feature map per layer, float32, (N, C_t, H_t, W_t), the last layer first; after them the embedding of
            the whole image, (N, D), if the trunk returns it.
        """
        dtype = next(self.trunk.parameters()).dtype
        outputs = self.trunk(((pixels - self.mean) / self.std).to(dtype))
        return [outputs[name].float() for name in self._outputs]

    def from_bytes(self, pixels: Tensor) -> list[Tensor]:
        """Run on RGB in 0..255, uint8, (N, 3, H, W); see `forward` for the result."""
        return list(self(pixels.contiguous(memory_format=torch.channels_last).float().div(255)))

    @torch.inference_mode()
    def _probe(self) -> tuple[tuple[int, ...], int | None, float]:
        """Return the channels, the length of the embedding, and the operations per pixel."""
        side = _PROBE_SIDE // self.patch * self.patch
        counter = FlopCounterMode(display=False)
        try:
            with counter:
                outputs = self(torch.zeros(1, 3, side, side))
        except AssertionError as error:  # raised by timm's networks of a fixed input size
            raise ConfigError(
                "the backbone takes one input size only: choose a convolutional network or a plain vision transformer"
            ) from error
        maps, embeddings = outputs[: len(self.layers)], outputs[len(self.layers) :]
        for layer, output in zip(self.layers, maps, strict=True):
            if output.ndim != 4:
                raise ConfigError(
                    f"layer '{layer}' returns {output.ndim}-d values, not maps: choose a convolutional layer"
                )
        if any(embedding.ndim != 2 for embedding in embeddings):
            raise ConfigError("the backbone has no embedding of the whole image: leave out the recipe global")
        lengths = [embedding.shape[1] for embedding in embeddings]
        return tuple(output.shape[1] for output in maps), next(iter(lengths), None), counter.get_total_flops() / side**2


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
    loaded = from_file(weights)
    return replace(loaded, state=architecture.own_names(loaded.state))


def _random_weights(architecture: Architecture, weights: str) -> Weights:
    seed = weights.removeprefix("random:")
    if not seed.isdecimal() or int(seed) >= 2**64:
        raise ConfigError(f"--weights {weights}: the seed must be a whole number below 2**64, as in random:0")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(seed))
        return Weights(architecture.create().state_dict(), weights)


def build(backbone: str, layers: tuple[str, ...], state: StateDict, *, embedding: bool = False) -> Backbone:
    """Build a backbone with the given weights, up to its last layer.

    Args:
        backbone: Name of the architecture.
        layers: Names of the layers to read, the last one first; empty for the architecture's default layers.
        state: Tensors of a checkpoint: see `checkpoints.match`. Those of later layers may be missing.
        embedding: Whether the backbone returns the embedding of the whole image, too, if it has one: the input of its
            classifier. That needs the tensors of all layers before the classifier.

    Raises:
        ConfigError: The backbone or a layer is unknown.
        WeightsError: The weights do not fit the backbone.
    """
    architecture = get_architecture(backbone)
    layers = layers or architecture.layers
    head = architecture.head if embedding and architecture.head else None
    outputs = layers if head is None else (*layers, head)
    network = architecture.create().eval()
    complete, children = network.state_dict(keep_vars=True), [name for name, _ in network.named_children()]
    try:
        trunk = architecture.create_extractor(network, {name: name for name in outputs})
    except ValueError as error:
        raise ConfigError(
            f"{backbone} has no layers {' '.join(layers)}: its default layers are {' '.join(architecture.layers)}"
        ) from error
    result = Backbone(
        trunk,
        layers,
        architecture.mean,
        architecture.std,
        head=head,
        patch=architecture.patch,
        rectified=architecture.rectified,
    )
    needed = _needed(trunk, complete)
    match = checkpoints.match(state, needed, complete, children, backbone)
    names = {name: match.names[name] for name in needed}
    _load(network, {name: state[stored] for name, stored in names.items()}, backbone)
    if layers[0] == architecture.layers[0]:
        classifier = _find_classifier(match, state, architecture.classifier, result.channels[0])
        result.classifier = _linear(*(state[stored] for stored in classifier.values())) if classifier else None
        names |= classifier
    result.checkpoint_names = names
    result.remarks = checkpoints.remarks(match, state, set(names.values()), complete)
    return result


def _needed(trunk: nn.Module, network: StateDict) -> StateDict:
    """Return the tensors of a network that a trunk cut from it shares, under the names of the network."""
    shared = {id(tensor) for tensor in trunk.state_dict(keep_vars=True).values()}
    return {
        name: tensor
        for name, tensor in network.items()
        if id(tensor) in shared and not checkpoints.is_batch_counter(name)
    }


def _load(network: nn.Module, state: StateDict, backbone: str) -> None:
    try:
        network.load_state_dict(state, strict=False)  # what is missing is not needed, such as batch counters
    except RuntimeError as error:  # raised for sparse tensors and those without values
        line = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(f"the weights do not fit {backbone}: {line}") from error


def _find_classifier(match: ParameterMatch, state: StateDict, classifier: str, channels: int) -> dict[str, str]:
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
