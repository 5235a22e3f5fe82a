"""Batch normalisation folded into the convolution before it: the same maps, in fewer passes over memory.

Sums with what such a convolution gives are computed in its place, which saves them memory of their own.
"""

from __future__ import annotations

import operator
from collections import Counter
from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["fuse_batch_norm"]

# By name, since timm is an extra. Others may compute something else of their weights, such as standardising them.
_CONVOLUTIONS = {"Conv2d", "Conv2dSame"}
_NORMALISATIONS = {"BatchNorm2d", "BatchNormAct2d"}


def fuse_batch_norm(trunk: nn.Module) -> nn.Module:
    """A network with every batch normalisation that follows a convolution computed by that convolution.

    Layers keep their names, so that the outputs that are read stay where they were. A convolution that is used
    twice, or whose own output is read, keeps its normalisation.

    Args:
        trunk: In evaluation mode, on the CPU; it is left as it is, but shares what is not folded with the result.
            Only a network that `torch.fx` has traced can be folded: others are returned as they are.
    """
    if not isinstance(trunk, GraphModule):
        return trunk
    layers: dict[Any, Any] = dict(trunk.named_modules())
    calls = Counter(node.target for node in trunk.graph.nodes if node.op == "call_module")
    result = GraphModule(trunk, deepcopy(trunk.graph)).eval()
    for node in result.graph.nodes:
        if calls[node.target] == 1 and type(layers[node.target]).__name__ in _NORMALISATIONS:
            before, norm = node.all_input_nodes[0], layers[node.target]
            if norm.running_mean is not None and _is_only_for(node, before, layers, calls):
                result.set_submodule(before.target, fuse_conv_bn_eval(layers[before.target], norm))
                result.set_submodule(node.target, _besides(norm))
                _have_added_in_place(node)
    result.recompile()
    return result


def _is_only_for(node: Node, before: Node, layers: dict[Any, Any], calls: Counter[Any]) -> bool:
    """Whether the node before is a convolution that nothing else has a use for."""
    convolution = calls[before.target] == 1 and type(layers[before.target]).__name__ in _CONVOLUTIONS
    return convolution and list(before.users) == [node]


def _besides(norm: Any) -> nn.Module:
    """What a layer does beside normalising: timm's activate, too."""
    return nn.Sequential(norm.drop, norm.act) if hasattr(norm, "act") else nn.Identity()


def _have_added_in_place(node: Node) -> None:
    """If a map is only for a sum with another, let the sum take its place."""
    sums = [user for user in node.users if user.target is operator.add and len(user.all_input_nodes) == 2]
    if len(sums) == len(node.users) == 1:
        (other,) = (summand for summand in sums[0].all_input_nodes if summand is not node)
        sums[0].target, sums[0].args = _added, (node, other)


def _added(into: Tensor, other: Tensor) -> Tensor:
    return into.add_(other) if into.shape == other.shape else into + other
