"""Fusion of the layers of a convolutional network for GPUs, where passes over memory take most of the time.

torch adds the bias of a convolution in a slow pass of its own. Together with additions and rectifications, such passes
take longer than the convolutions of a ResNet themselves.
"""

from __future__ import annotations

import operator
from collections import Counter
from itertools import permutations

import torch
from torch import nn
from torch.fx import GraphModule, Node
from torch.fx.passes.shape_prop import ShapeProp

from osrmac.descriptor.optimize.fuse_bn import add_in_place
from osrmac.descriptor.optimize.gpu_layers import Blocks, PointwiseConvolution, RectifiedConvolution

__all__ = ["fuse_convolutions"]

_PROBE_SIDE = 128
"""Side of the image that tells which maps have equal shapes, in pixels."""

_UPPER_BOUNDS: dict[type[nn.Module], float | None] = {nn.ReLU: None, nn.ReLU6: 6.0}
_ADDITIONS = (operator.add, operator.iadd, torch.add, add_in_place)


def fuse_convolutions(trunk: nn.Module) -> nn.Module:
    """Fuse every convolution whose output is only rectified, or only added to other maps and then rectified.

    The first convolution takes blocks of pixels. Convolutions of single positions that are not rectified become matrix
    products, which add the bias in the same pass.

    Args:
        trunk: Network in evaluation mode with fused batch normalisation, on the CPU. It is changed.

    Returns:
        The network; as it is if `torch.fx` has not traced it.
    """
    if not isinstance(trunk, GraphModule):
        return trunk
    ShapeProp(trunk).propagate(torch.zeros(1, 3, _PROBE_SIDE, _PROBE_SIDE))
    network = _Network(trunk)
    for node in list(trunk.graph.nodes):
        _fuse_rectification(network, node)
    for node in list(trunk.graph.nodes):
        layer = network.convolution(node)
        if layer is not None and layer.kernel_size == layer.stride == (1, 1) and layer.padding == (0, 0):
            trunk.set_submodule(str(node.target), PointwiseConvolution(layer))
    trunk.recompile()
    return trunk


class _Network:
    """A traced network whose layers are replaced."""

    def __init__(self, trunk: GraphModule) -> None:
        self.trunk = trunk
        self._calls = Counter(node.target for node in trunk.graph.nodes if node.op == "call_module")

    def active(self, node: Node) -> list[nn.Module]:
        """Return the layers of a node that change their input."""
        if node.op != "call_module":
            return []
        layer = self.trunk.get_submodule(str(node.target))
        parts = layer if isinstance(layer, nn.Sequential) else [layer]
        return [part for part in parts if not isinstance(part, nn.Identity)]

    def source(self, node: Node) -> Node | None:
        """Return the node whose output a node passes on as it is; None if that is used for anything else."""
        while len(node.users) == 1 and node.op == "call_module" and not self.active(node):
            node = node.all_input_nodes[0]
        return node if len(node.users) == 1 else None

    def convolution(self, node: Node | None) -> nn.Conv2d | None:
        """Return the layer of a node if it is a convolution of all channels that is called once, padded with zeros.

        cuDNN is slow at fused convolutions of groups of channels.
        """
        active = [] if node is None or self._calls[node.target] != 1 else self.active(node)
        if len(active) != 1 or not isinstance(layer := active[0], nn.Conv2d):
            return None
        is_plain = type(layer) is nn.Conv2d and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        return layer if is_plain and layer.groups == 1 else None

    def rectify(self, node: Node, convolution: Node, layer: nn.Conv2d, upper: float | None, *summands: Node) -> None:
        """Replace the node of a rectification and all that it depends on, down to a convolution and summands."""
        fused: nn.Module = RectifiedConvolution(layer, upper)
        if layer.in_channels <= 4 and layer.stride == (2, 2) and layer.dilation == (1, 1) and not summands:
            blocks = Blocks(layer)
            fused = nn.Sequential(blocks, RectifiedConvolution(blocks.convolution(layer), upper))
        self.trunk.set_submodule(str(convolution.target), fused)
        with self.trunk.graph.inserting_before(node):
            replaced = self.trunk.graph.call_module(str(convolution.target), (convolution.args[0], *summands))
        replaced.meta = node.meta
        node.replace_all_uses_with(replaced)
        self.trunk.graph.eliminate_dead_code()


def _fuse_rectification(network: _Network, node: Node) -> None:
    """Fuse a node with the convolution before it, if it is a rectification."""
    active = network.active(node)
    if len(active) != 1 or type(active[0]) not in _UPPER_BOUNDS:
        return
    upper = _UPPER_BOUNDS[type(active[0])]
    source = network.source(node.all_input_nodes[0])
    layer = network.convolution(source)
    if source is not None and layer is not None:
        network.rectify(node, source, layer, upper)
    elif source is not None and source.target in _ADDITIONS and not source.kwargs:
        for maps, summand in permutations(source.all_input_nodes, 2):
            convolution = network.source(maps)
            layer = network.convolution(convolution)
            if convolution is not None and layer is not None and _shape(maps) == _shape(summand):
                _move_bias(network.convolution(network.source(summand)), layer)
                network.rectify(node, convolution, layer, upper, summand)
                return


def _move_bias(summand: nn.Conv2d | None, convolution: nn.Conv2d) -> None:
    """Add the bias of a summand that is a convolution to that of another one."""
    if summand is not None and summand.bias is not None:
        moved, summand.bias = summand.bias, None
        own = convolution.bias
        convolution.bias = moved if own is None else nn.Parameter(own + moved, requires_grad=False)


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["tensor_meta"].shape)
