"""Checkpoints of vision transformers under the names of their authors, converted to those of timm.

timm converts what it downloads, and the same functions are applied to files here: OpenAI's CLIP and open_clip, DINOv2,
DINOv3, Perception Encoder, and networks of timm in a larger model of open_clip, such as SigLIP's. They also resample
position embeddings that were learned at another image size.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import Any

from osrmac.descriptor.models.checkpoints import StateDict
from osrmac.errors import WeightsError, reason

__all__ = ["to_timm_names"]

_VISION_PATCHES = ("visual.trunk.patch_embed.proj.weight", "visual.conv1.weight")
"""Names of the patch embedding in checkpoints of images and text, whose vision network is `visual`."""

_PATCHES = (*_VISION_PATCHES, "patch_embed.proj.weight", "conv1.weight")
"""Published names of the patch embedding; one that contains another comes first."""


def to_timm_names(state: StateDict, network: Any, rename: Any, name: str) -> StateDict:
    """Rename the tensors of a checkpoint that are a vision transformer under published names; keep all others.

    A checkpoint may contain the network several times, under different prefixes.

    Args:
        state: Tensors of the checkpoint: see `checkpoints.flatten`.
        network: Vision transformer of timm, for the shapes of its patch and position embeddings.
        rename: timm's function from a state dict and a network to a state dict of the network's own names.
        name: Name of the network, for messages.

    Raises:
        WeightsError: The conversion fails.
    """
    converted = dict(state)
    for root, inside in sorted(_roots(state).items(), reverse=True):  # a root comes after those below it
        published = {key.removeprefix(root): converted.pop(key) for key in list(converted) if key.startswith(inside)}
        try:
            with redirect_stdout(sys.stderr):  # timm prints what it tries
                renamed = rename(published, network)
        except Exception as error:  # tensors of unexpected shapes fail in many ways
            raise WeightsError(f"the weights do not fit {name}: {reason(error)}") from error
        converted |= {root + key: tensor for key, tensor in renamed.items()}
    return converted


def _roots(state: StateDict) -> dict[str, str]:
    """Return the prefixes under which timm looks for networks, and that of the tensors of each.

    >>> _roots({"model.visual.conv1.weight": None, "model.ln_final.bias": None, "ema.patch_embed.proj.weight": None})
    {'model.': 'model.visual.', 'ema.': 'ema.'}
    """
    roots = {}
    for key in state:
        patches = next((patches for patches in _PATCHES if f".{key}".endswith(f".{patches}")), None)
        if patches is not None:
            root = key.removesuffix(patches)
            roots[root] = root + "visual." if patches in _VISION_PATCHES else root
    return roots
