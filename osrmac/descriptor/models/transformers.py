"""Vision transformers of timm as backbones: the patch tokens after a block are a feature map.

The tokens are normalised by the network's final layer normalisation, whichever block they come from, as the authors of
DINOv2 (Oquab et al. 2023) and DINOv3 (Siméoni et al. 2025) read intermediate layers: the features of a block are sums
over all blocks before it, in which a few channels are hundreds of times larger than the others. Networks that normalise
only after pooling, such as those that timm calls `gap`, and Perception Encoder's `spatial` and `lang`, have no such
normalisation, and their tokens are taken as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

__all__ = ["HEAD", "TransformerTrunk", "default_layers", "patch_side"]

HEAD = "head"
"""Name of the classifier of timm's vision transformers, whose input is the embedding of the whole image."""


def default_layers(depth: int) -> tuple[str, str]:
    """Return the names of the last block and of the one at two thirds, for a network of so many blocks.

    >>> default_layers(12), default_layers(40)
    (('blocks.11', 'blocks.7'), ('blocks.39', 'blocks.26'))
    """
    return f"blocks.{depth - 1}", f"blocks.{round(2 * depth / 3) - 1}"


def patch_side(network: Any) -> int:
    """Return the side of the square patches of a vision transformer of timm, in pixels."""
    side: int = network.patch_embed.feat_ratio()
    return side


class TransformerTrunk(nn.Module):
    """Returns the patch tokens after some blocks as feature maps, and the embedding of the whole image.

    Images may have any size whose sides are multiples of the patch. Learned position embeddings are interpolated to it
    as timm does.

    Args:
        network: Vision transformer of timm that was created with `dynamic_img_size`. What the outputs do not need is
            removed from it.
        outputs: Blocks to read, `blocks.N`, and the names of their maps in the result; `HEAD` gives the embedding, the
            input of the classifier (`forward_head` with `pre_logits`).

    Raises:
        ValueError: The network has no such block.
    """

    def __init__(self, network: Any, outputs: Mapping[str, str]) -> None:
        super().__init__()
        numbers = {f"blocks.{number}": number for number in range(len(network.blocks))}
        unknown = [name for name in outputs if name not in numbers and name != HEAD]
        if unknown:
            raise ValueError(f"no blocks {' '.join(unknown)}")
        self._names = {numbers[name]: name_of_map for name, name_of_map in outputs.items() if name != HEAD}
        self._blocks = sorted(self._names)
        self._embedding = outputs.get(HEAD)
        self._patch = patch_side(network)
        if self._embedding is None:
            network.prune_intermediate_layers(self._blocks, prune_norm=False, prune_head=True)
        else:
            network.reset_classifier(0)
        self.network = network

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Run on normalised pixels, (N, 3, H, W).

        Returns:
            Maps by name, (N, C, H / patch, W / patch), channels-last; the embedding, (N, D).
        """
        tokens, of_blocks = self.network.forward_intermediates(pixels, self._blocks, norm=True, output_fmt="NLC")
        height, width = pixels.shape[-2] // self._patch, pixels.shape[-1] // self._patch
        outputs = {
            self._names[block]: of_block.unflatten(1, (height, width)).permute(0, 3, 1, 2)
            for block, of_block in zip(self._blocks, of_blocks, strict=True)
        }
        if self._embedding is not None:
            outputs[self._embedding] = self.network.forward_head(tokens, pre_logits=True)
        return outputs
