"""Fusion of batch normalisation into the preceding convolution, which saves passes over memory.

Residual additions are done in place where the sum is the only use of a fused layer's output, which saves an allocation.
"""

from __future__ import annotations

import operator
from collections import Counter
from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from torch.fx import GraphModule, Node
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["add_in_place", "fuse_batch_norm"]

# Types by name, because timm is optional. Subclasses are left out, because they may transform their weights, for
# example standardise them.
_CONVOLUTIONS = {"Conv2d", "Conv2dSame"}
_NORMALISATIONS = {"BatchNorm2d", "BatchNormAct2d"}


def fuse_batch_norm(trunk: nn.Module) -> nn.Module:
    """Fuse every batch normalisation that follows a convolution into that convolution.

    Layers keep their names, so that the same outputs can be read. A convolution that is called twice, or whose own
    output is read, is not fused.

    Args:
        trunk: Network in evaluation mode, on the CPU. It is not changed, but shares the other layers with the result.

    Returns:
        The fused network; the network itself if `torch.fx` has not traced it.
    """
    if not isinstance(trunk, GraphModule):
        return trunk
    layers: dict[Any, Any] = dict(trunk.named_modules())
    calls = Counter(node.target for node in trunk.graph.nodes if node.op == "call_module")
    fused = GraphModule(trunk, deepcopy(trunk.graph)).eval()
    for node in fused.graph.nodes:
        if calls[node.target] == 1 and type(layers[node.target]).__name__ in _NORMALISATIONS:
            previous, norm = node.all_input_nodes[0], layers[node.target]
            if norm.running_mean is not None and _feeds_only(previous, node, layers, calls):
                fused.set_submodule(previous.target, fuse_conv_bn_eval(layers[previous.target], norm))
                fused.set_submodule(node.target, _without_norm(norm))
                _add_in_place(node)
    fused.recompile()
    return fused


def _feeds_only(previous: Node, node: Node, layers: dict[Any, Any], calls: Counter[Any]) -> bool:
    """Return whether a node is a convolution, called once, whose output only the given node uses."""
    is_convolution = calls[previous.target] == 1 and type(layers[previous.target]).__name__ in _CONVOLUTIONS
    return is_convolution and list(previous.users) == [node]


def _without_norm(norm: Any) -> nn.Module:
    """Return what remains of a normalisation layer: the activation of timm's layers, else nothing."""
    return nn.Sequential(norm.drop, norm.act) if hasattr(norm, "act") else nn.Identity()


def _add_in_place(node: Node) -> None:
    """If the only use of a node's output is an addition to another tensor, add in place."""
    additions = [user for user in node.users if user.target is operator.add and len(user.all_input_nodes) == 2]
    if len(additions) == len(node.users) == 1:
        (other,) = (summand for summand in additions[0].all_input_nodes if summand is not node)
        additions[0].target, additions[0].args = add_in_place, (node, other)


def add_in_place(into: Tensor, other: Tensor) -> Tensor:
    """Return the sum of two tensors, in the memory of the first one if they have the same shape."""
    return into.add_(other) if into.shape == other.shape else into + other
