"""Encoded images in; for each, its descriptors or the reason why there are none."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from osrmac.config import DescriptorConfig
from osrmac.descriptor.batching import Batches, buckets, windows
from osrmac.descriptor.device import OnCPU, OnGPU, Placement, Prepared
from osrmac.descriptor.images import DecodeError, crop, decode_at_least
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.backbones import Backbone
from osrmac.descriptor.optimize.compile import Compiled
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm
from osrmac.descriptor.optimize.winograd import with_winograd
from osrmac.descriptor.recipes import FeatureMaps, get_recipes
from osrmac.errors import reason
from osrmac.prefetch import prefetch
from osrmac.stopwatch import Stopwatch
from osrmac.types import Box

__all__ = ["Describer", "Description", "Failure"]

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

Vectors = dict[str, NDArray[np.float32]]
_Rows = dict[str, Tensor]


@dataclass(frozen=True)
class Description:
    """What was computed from one image.

    Attributes:
        width: Of the upright image in pixels, before any cropping.
        height: Likewise.
        vectors: For each recipe its descriptor, float32, (d,); of a recipe of regions (R, d), where R varies.
    """

    width: int
    height: int
    vectors: Vectors


@dataclass(frozen=True)
class Failure:
    """Why an image has no descriptors.

    Attributes:
        stage: `fetch`, `decode`, `crop` or `describe`.
        reason: One line.
    """

    stage: str
    reason: str


@dataclass(frozen=True)
class _Picture:
    """A decoded image: its whole size when upright, and what the network is to see of it."""

    size: tuple[int, int]
    prepared: Prepared


_InHand = Failure | tuple[tuple[int, int], _Rows | Exception]


@dataclass(frozen=True)
class _Begun:
    """A window in the hands of the device: of each image the failure, or the size and what will be its descriptors."""

    images: Sequence[_InHand]
    finish: Callable[[], object]


class Describer:
    """Computes descriptors: neighbours change no vector, at most its rounding on a GPU.

    Args:
        backbone: The network, on the CPU; it is moved to the device, and its batch normalisation is folded.
        config: Recipes, scales and decoding; its `backbone`, `weights` and `taps` are not looked at.
        device: A torch device.
        compiled: On a CPU, compile the network for usual shapes: see `Compiled`.

    Attributes:
        stopwatch: Seconds that the caller of `stream` spent in `network`, and waited for `decode`.

    Raises:
        ConfigError: A recipe is unknown or needs more than the backbone has, or nothing can be compiled.
    """

    def __init__(
        self, backbone: Backbone, config: DescriptorConfig, device: str = "cpu", *, compiled: bool = False
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.recipes = get_recipes(config.recipes, len(backbone.layers), classifier=backbone.classifier is not None)
        self.parts = {name: recipe.parts(backbone.channels) for name, recipe in self.recipes.items()}
        self.dimensions = {name: sum(lengths) for name, lengths in self.parts.items()}
        backbone.trunk = fuse_batch_norm(backbone.trunk)
        self.backbone = backbone.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.backbone.trunk.to(_PRECISIONS[config.precision])
        scales = sorted(config.image_sizes, reverse=True)
        self._longest = scales[0]
        on_gpu = self.device.type == "cuda"
        if not on_gpu and config.precision == "fp32":
            self.backbone.trunk = with_winograd(self.backbone.trunk)
        if not on_gpu and compiled:
            self.backbone.trunk = Compiled(self.backbone.trunk, scales)
        self._place(OnGPU(self.device, scales) if on_gpu else OnCPU(scales))
        self.stopwatch = Stopwatch()

    def _place(self, placement: Placement) -> None:
        self._placement = placement
        self._batches = Batches(placement.most_together(self._rows))

    @classmethod
    def load(cls, config: DescriptorConfig, device: str = "cpu", *, compiled: bool = False) -> Describer:
        """A describer with the weights that the configuration names.

        Raises:
            ConfigError: Unknown backbone, tap or recipe, or nothing can be compiled.
            WeightsError: The weights cannot be had or do not fit.
        """
        weights = backbones.load_weights(config.backbone, config.weights)
        return cls(backbones.build(config.backbone, config.layers, weights.state), config, device, compiled=compiled)

    def __call__(
        self, encoded: Sequence[bytes | Exception], boxes: Sequence[Box | None] | None = None
    ) -> list[Description | Failure]:
        """Describe images, or what boxes cut out of them: see `stream`."""
        return list(self.stream(encoded, boxes))

    def stream(
        self, encoded: Iterable[bytes | Exception], boxes: Iterable[Box | None] | None = None
    ) -> Iterator[Description | Failure]:
        """Describe any number of images, or what boxes cut out of them, and decode the next ones meanwhile.

        Args:
            encoded: Contents of image files, or why they cannot be had; read as needed, a few ahead of the results.
            boxes: For each image the part to describe, or None for all of it.

        Yields:
            One result an image, in the same order. Bad images give failures, never exceptions.
        """
        requests = zip(encoded, repeat(None)) if boxes is None else zip(encoded, boxes, strict=True)
        placement = self._placement
        pictures = prefetch(
            lambda request: self._read(*request), requests, threads=placement.threads, depth=placement.window
        )
        begun: deque[_Begun] = deque()
        for window in self.stopwatch.timed("decode", windows(pictures, placement.window)):
            with self.stopwatch("network"):
                begun.append(self._begin(window))
            if len(begun) > placement.in_flight:
                yield from self._finish(begun.popleft())
        while begun:
            yield from self._finish(begun.popleft())

    def _read(self, encoded: bytes | Exception, box: Box | None) -> _Picture | Failure:
        """Decode an image and bring it to its scales."""
        if isinstance(encoded, Exception):
            return Failure("fetch", reason(encoded))
        config = self.config
        needed = self._longest if box is None else None  # boxes are in pixels of the whole picture
        try:
            image, size = decode_at_least(
                needed, encoded, exif_orientation=config.exif_orientation, max_pixels=config.max_pixels
            )
        except DecodeError as error:
            return Failure("decode", str(error))
        try:
            part = crop(image, box) if box is not None else image
        except DecodeError as error:
            return Failure("crop", str(error))
        try:
            return _Picture(size, self._placement.prepare(part))
        except Exception as error:  # a picture may be too large for the memory
            return Failure("describe", reason(error))

    def _begin(self, window: Sequence[_Picture | Failure]) -> _Begun:
        """Have the device describe some pictures, those of equal size together; failures stay what they are."""
        images: dict[int, _InHand] = {}
        pictures: dict[int, _Picture] = {}
        for position, read in enumerate(window):
            if isinstance(read, Failure):
                images[position] = read
            else:
                pictures[position] = read
        places = list(pictures)
        for bucket in buckets(tuple(pixels.shape for pixels in pictures[place].prepared) for place in places):
            chosen = [places[position] for position in bucket]
            rows = self._batches(self._rows, [pictures[place].prepared for place in chosen])
            for place, of_one in zip(chosen, rows, strict=True):
                images[place] = pictures[place].size, of_one
        return _Begun([images[position] for position in range(len(window))], self._placement.finished())

    def _finish(self, begun: _Begun) -> Iterator[Description | Failure]:
        with self.stopwatch("network"):
            begun.finish()
        for image in begun.images:
            yield image if isinstance(image, Failure) else _result(*image)

    def vectors(self, image: Image.Image) -> Vectors:
        """The descriptors of an RGB picture, one for each recipe, float32, (d,) or (R, d)."""
        (rows,) = self._rows([self._placement.prepare(image)])
        self._placement.finished()()
        return _arrays(rows)

    @torch.inference_mode()
    def feature_maps(self, image: Image.Image) -> list[list[Tensor]]:
        """The maps of an RGB picture: `[s][t]` is (C_t, H_s, W_s) at scale s, the largest first, and tap t."""
        return [[layer[0] for layer in layers] for layers in self._maps([self._placement.prepare(image)])]

    @torch.inference_mode()
    def _rows(self, pictures: Sequence[Prepared]) -> list[_Rows]:
        """The descriptors of pictures of equal size, on their way from the device."""
        features = FeatureMaps(self._maps(pictures), self.backbone.classifier)
        together = {
            name: recipe.compute(features).float().to("cpu", non_blocking=True) for name, recipe in self.recipes.items()
        }
        return [{name: rows[number] for name, rows in together.items()} for number in range(len(pictures))]

    def _maps(self, pictures: Sequence[Prepared]) -> list[list[Tensor]]:
        """The maps of pictures of equal size: `[s][t]` is (N, C_t, H_s, W_s)."""
        return [self._forward(pixels) for pixels in self._placement.scaled(pictures)]

    def _forward(self, pixels: Tensor) -> list[Tensor]:
        with self._exact():
            maps: list[Tensor] = self.backbone(pixels.contiguous(memory_format=torch.channels_last).float().div(255))
        return maps

    def _exact(self) -> AbstractContextManager[object]:
        """On a GPU, torch would round fp32 to TF32, and choose algorithms by the time they take."""
        return (
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True)
            if self.device.type == "cuda"
            else nullcontext()
        )


def _result(size: tuple[int, int], rows: _Rows | Exception) -> Description | Failure:
    if isinstance(rows, Exception):  # a network may raise anything at a picture too small or too large for it
        return Failure("describe", reason(rows))
    vectors = _arrays(rows)
    if not all(np.isfinite(vector).all() for vector in vectors.values()):
        return Failure("describe", "the descriptor is not finite")
    return Description(*size, vectors)


def _arrays(rows: _Rows) -> Vectors:
    return {name: vector.numpy() for name, vector in rows.items()}
