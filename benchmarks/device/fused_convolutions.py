"""Convolutions of a ResNet together with the addition and the rectification that follow, as one operation of cuDNN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.nn import functional

__all__ = ["FusedConvolution", "fuse_convolutions"]


class FusedConvolution(nn.Module):
    """Rectified convolution, with an optional summand."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor, summand: Tensor | None = None) -> Tensor:
        own = self.convolution
        if not maps.is_cuda:
            convolved: Tensor = own(maps)
            return functional.relu(convolved if summand is None else convolved + summand)
        place: Any = own.bias, own.stride, own.padding, own.dilation, own.groups
        if summand is None:
            return torch.cudnn_convolution_relu(maps, own.weight, *place)
        return torch.cudnn_convolution_add_relu(maps, own.weight, summand, 1.0, *place)


def fuse_convolutions(trunk: nn.Module) -> GraphModule:
    """Fuse every convolution whose output is only rectified, or only added to something and then rectified.

    Args:
        trunk: Network with fused batch normalisation.
    """
    if not isinstance(trunk, GraphModule):
        raise TypeError("the network was not traced")
    for node in trunk.graph.nodes:
        if isinstance(_layer(trunk, node), nn.ReLU):
            _fuse(trunk, node)
    trunk.graph.eliminate_dead_code()
    trunk.recompile()
    return trunk


def _fuse(trunk: GraphModule, relu: Node) -> None:
    source = _skip_identities(trunk, relu.all_input_nodes[0])
    summands: list[Node] = []
    if source.op == "call_function":
        first, *summands = source.all_input_nodes
        source = _skip_identities(trunk, first)
    layer = _layer(trunk, source)
    if not isinstance(layer, nn.Conv2d):
        return
    trunk.set_submodule(str(source.target), FusedConvolution(layer))
    with trunk.graph.inserting_before(relu):
        fused = trunk.graph.call_module(str(source.target), (source.args[0], *summands))
    relu.replace_all_uses_with(fused)
    trunk.graph.erase_node(relu)


def _layer(trunk: GraphModule, node: Node) -> nn.Module | None:
    return trunk.get_submodule(str(node.target)) if node.op == "call_module" else None


def _skip_identities(trunk: GraphModule, node: Node) -> Node:
    while isinstance(_layer(trunk, node), nn.Identity):
        node = node.all_input_nodes[0]
    return node
