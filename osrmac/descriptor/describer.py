"""The descriptor pipeline: decode images, run the backbone, compute the recipes; failures are results, too."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.fx import GraphModule

from osrmac.config import DescriptorConfig
from osrmac.descriptor.batching import Batcher, Buckets
from osrmac.descriptor.device import GPU_BATCH_SIZE, ComputeDevice, CPUDevice, GPUDevice, PreprocessedImage
from osrmac.descriptor.images import DecodeError, crop, decode
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.backbones import Backbone
from osrmac.descriptor.optimize.compile import CompiledTrunk, compile_for_gpu
from osrmac.descriptor.optimize.cuda_graphs import CapturedComputation
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm
from osrmac.descriptor.optimize.gpu_fusion import fuse_convolutions
from osrmac.descriptor.optimize.winograd import apply_winograd
from osrmac.descriptor.recipes import RECIPES, FeatureMaps, Recipe, get_recipes, need_embedding, never_wait
from osrmac.descriptor.resize import scaled_size
from osrmac.errors import reason
from osrmac.prefetch import prefetch
from osrmac.stopwatch import Stopwatch
from osrmac.types import Box

__all__ = ["Describer", "Description", "Failure"]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

_MAX_ENCODED = 256_000_000
"""Bytes of the files that are decoded or wait for that; a larger file is decoded by itself."""

Vectors = dict[str, NDArray[np.float32]]
_Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Description:
    """The descriptors of one image.

    Attributes:
        width: Width of the upright image in pixels, before cropping to a box.
        height: Height of the upright image in pixels, before cropping to a box.
        vectors: Descriptor of each recipe, float32, (d,); for recipes of regions (R, d), where R depends on the image.
    """

    width: int
    height: int
    vectors: Vectors


@dataclass(frozen=True)
class Failure:
    """The reason why an image has no descriptors.

    Attributes:
        stage: Stage that failed: `fetch`, `decode`, `crop` or `describe`.
        reason: Reason, on one line.
    """

    stage: str
    reason: str


@dataclass(frozen=True)
class _Input:
    """A decoded image: its upright size before cropping, and its pixels, cropped and preprocessed."""

    size: tuple[int, int]
    pixels: PreprocessedImage


@dataclass(frozen=True)
class _Output:
    """Descriptors that the device may still be computing, or the exception that it raised."""

    size: tuple[int, int]
    vectors: _Tensors | Exception


@dataclass(frozen=True)
class _PendingBatch:
    """Images submitted to the device together, by their position in the stream.

    Attributes:
        outputs: Their results.
        images: Their pixels, which the device may still be reading.
        wait: Function that waits for the device.
    """

    outputs: Mapping[int, _Output]
    images: Sequence[PreprocessedImage]
    wait: Callable[[], object]


class Describer:
    """Computes descriptors of images.

    The descriptors of an image do not depend on the other images: on a CPU bit for bit, on a GPU up to rounding.

    Args:
        backbone: Backbone on the CPU. It is moved to the device, and its batch normalisation is fused.
        config: Recipes, image sizes, precision and decoding. Its `backbone`, `weights` and `layers` are ignored.
        device: A torch device.
        compiled: Compile the backbone: see `CompiledTrunk` for CPUs, `compile_for_gpu` for GPUs.
        recipes: Recipes that the names in `config` refer to; all registered ones by default.
        max_batch_size: Images that a GPU describes at once, a power of two; fewer if its memory does not suffice.
        gpu_share: Share of the free memory of a GPU that this describer may use, above 0 and at most 1.

    Attributes:
        recipes: Recipes by name, in the order of the configuration.
        parts: For each recipe, the lengths of the parts that its descriptor concatenates, one per layer.
        dimensions: For each recipe, the length of its descriptor, or of the vector of one region.
        stopwatch: Seconds that the consumer of `stream` spent in `network`, and waiting for `decode`.

    Raises:
        ConfigError: A recipe is unknown or needs more than the backbone has, or there is no compiler.
    """

    def __init__(
        self,
        backbone: Backbone,
        config: DescriptorConfig,
        device: str = "cpu",
        *,
        compiled: bool = False,
        recipes: Mapping[str, Recipe] = RECIPES,
        max_batch_size: int = GPU_BATCH_SIZE,
        gpu_share: float = 1.0,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        embedding = backbone.embedding_length
        self.recipes = get_recipes(
            config.recipes,
            len(backbone.layers),
            classifier=backbone.classifier is not None,
            embedding=embedding is not None,
            known=recipes,
        )
        self.parts = {name: recipe.parts(backbone.channels, embedding) for name, recipe in self.recipes.items()}
        self.dimensions = {name: sum(lengths) for name, lengths in self.parts.items()}
        image_sizes = sorted(config.image_sizes, reverse=True)
        self._largest_size, _ = scaled_size(1, 1, image_sizes[0], backbone.patch)
        on_gpu = self.device.type == "cuda"
        backbone.trunk = fuse_batch_norm(backbone.trunk)
        if on_gpu:
            backbone.trunk = fuse_convolutions(backbone.trunk)
        self.backbone = backbone.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.backbone.trunk.to(_DTYPES[config.precision])
        if not on_gpu and config.precision == "fp32":
            self.backbone.trunk = apply_winograd(self.backbone.trunk)
        if not on_gpu and compiled:
            self.backbone.trunk = CompiledTrunk(self.backbone.trunk, image_sizes, backbone.patch)
        self._network = compile_for_gpu(self.backbone) if on_gpu and compiled else self.backbone.from_bytes
        self._vectors: Callable[[Sequence[Tensor]], list[Tensor]] = self._compute_vectors
        self._use(
            GPUDevice(self.device, image_sizes, max_batch_size, backbone.patch, gpu_share)
            if on_gpu
            else CPUDevice(image_sizes, backbone.patch)
        )
        if on_gpu and isinstance(backbone.trunk, GraphModule) and never_wait(self.recipes):
            self._vectors = CapturedComputation(self._compute_vectors)
        self.stopwatch = Stopwatch()

    def _use(self, device: ComputeDevice) -> None:
        self._compute_device = device
        self._batcher = Batcher(device.max_batch_size(self._compute))

    @classmethod
    def load(
        cls,
        config: DescriptorConfig,
        device: str = "cpu",
        *,
        compiled: bool = False,
        max_batch_size: int = GPU_BATCH_SIZE,
    ) -> Describer:
        """Load the weights that the configuration names, and build a describer with them.

        Args:
            config: The complete configuration.
            device: A torch device.
            compiled: Compile the backbone.
            max_batch_size: Images that a GPU describes at once, a power of two.

        Raises:
            ConfigError: The backbone, a layer or a recipe is unknown, or there is no compiler.
            WeightsError: The weights are unavailable or do not fit.
        """
        weights = backbones.load_weights(config.backbone, config.weights)
        embedding = need_embedding(config.recipes)
        backbone = backbones.build(config.backbone, config.layers, weights.state, embedding=embedding)
        return cls(backbone, config, device, compiled=compiled, max_batch_size=max_batch_size)

    def __call__(
        self, encoded: Sequence[bytes | Exception], boxes: Sequence[Box | None] | None = None
    ) -> list[Description | Failure]:
        """Describe images and return a list of results: see `stream`."""
        return list(self.stream(encoded, boxes))

    def stream(
        self, encoded: Iterable[bytes | Exception], boxes: Iterable[Box | None] | None = None
    ) -> Iterator[Description | Failure]:
        """Describe any number of images, and decode the next ones meanwhile.

        Args:
            encoded: Content of each image file, or the exception that prevented reading it. The iterable is read as
                results are consumed, a few images ahead on a CPU, and some hundreds on a GPU.
            boxes: Box of each image to crop to before describing it, or None for the full image.

        Yields:
            One result per image, in the same order. An image that fails gives a `Failure`, never an exception.
        """
        requests = zip(encoded, repeat(None)) if boxes is None else zip(encoded, boxes, strict=True)
        device = self._compute_device
        inputs = prefetch(
            lambda request: self._prepare(*request),
            requests,
            threads=device.decode_threads,
            depth=device.decoded_ahead,
            size=lambda request: len(request[0]) if isinstance(request[0], bytes) else 0,
            max_size=_MAX_ENCODED,
        )
        results: dict[int, Description | Failure] = {}  # by position, until those of all earlier positions are there
        position = 0
        for finished in self._describe_batches(self.stopwatch.timed("decode", inputs)):
            results |= finished
            while position in results:
                yield results.pop(position)
                position += 1

    def _describe_batches(self, images: Iterable[_Input | Failure]) -> Iterator[dict[int, Description | Failure]]:
        """Describe a stream of images in batches of equal shape, and yield results by position as they are finished."""
        device = self._compute_device
        buckets: Buckets[_Input] = Buckets(device.batch_size, device.window)
        pending: deque[_PendingBatch] = deque()
        for position, image in enumerate(images):
            if isinstance(image, Failure):
                yield {position: image}
            else:
                buckets.add(position, image.pixels.shapes, image)
            for batch in buckets.due(position):
                yield from self._submit_next(batch, pending)
        for batch in buckets.rest():
            yield from self._submit_next(batch, pending)
        while pending:
            yield self._collect(pending.popleft())

    def _submit_next(
        self, batch: Sequence[tuple[int, _Input]], pending: deque[_PendingBatch]
    ) -> Iterator[dict[int, Description | Failure]]:
        """Submit a batch, and collect the oldest one if more are pending than the device needs to be busy."""
        pending.append(self._submit(batch))
        if len(pending) > self._compute_device.pipeline_depth:
            yield self._collect(pending.popleft())

    def _prepare(self, encoded: bytes | Exception, box: Box | None) -> _Input | Failure:
        """Decode, crop and preprocess an image; runs in the decoding threads."""
        if isinstance(encoded, Exception):
            return Failure("fetch", reason(encoded))
        try:
            image, size = decode(
                encoded,
                max_pixels=self.config.max_pixels,
                exif_orientation=self.config.exif_orientation,
                min_longest_side=self._largest_size if box is None else None,  # boxes are in pixels of the full size
            )
        except DecodeError as error:
            return Failure("decode", str(error))
        try:
            part = crop(image, box) if box is not None else image
        except DecodeError as error:
            return Failure("crop", str(error))
        try:
            return _Input(size, self._compute_device.preprocess(part))
        except Exception as error:  # such as a MemoryError
            return Failure("describe", reason(error))

    def _submit(self, batch: Sequence[tuple[int, _Input]]) -> _PendingBatch:
        """Submit images of equal shape to the device."""
        with self.stopwatch("network"):
            pixels = [image.pixels for _, image in batch]
            vectors = self._batcher(self._compute, pixels)
            outputs = {at: _Output(image.size, of) for (at, image), of in zip(batch, vectors, strict=True)}
            return _PendingBatch(outputs, pixels, self._compute_device.record())

    def _collect(self, batch: _PendingBatch) -> dict[int, Description | Failure]:
        """Wait for the descriptors of a batch."""
        with self.stopwatch("network"):
            batch.wait()
        self._compute_device.release(batch.images)
        return {position: _describe(output) for position, output in batch.outputs.items()}

    def vectors(self, image: Image.Image) -> Vectors:
        """Compute the descriptors of an RGB image: for each recipe float32, (d,) or (R, d)."""
        (tensors,) = self._compute([self._compute_device.preprocess(image)])
        self._compute_device.record()()
        return _to_numpy(tensors)

    @torch.inference_mode()
    def feature_maps(self, image: Image.Image) -> list[list[Tensor]]:
        """Compute the feature maps of an RGB image, as the network returns them.

        Returns:
            `maps[s][t]`, (C_t, H_s, W_s), for image size `s`, the largest first, and layer `t`, the last layer first.
        """
        outputs = self._outputs(self._compute_device.upload([self._compute_device.preprocess(image)]))
        return [[maps[0] for maps in of_size[: len(self.backbone.layers)]] for of_size in outputs]

    @torch.inference_mode()
    def _compute(self, images: Sequence[PreprocessedImage]) -> list[_Tensors]:
        """Compute the descriptors of images of equal shape and start copying them to the CPU."""
        vectors = self._vectors(self._compute_device.upload(images))
        by_image = zip(*self._compute_device.download(vectors), strict=True)
        return [dict(zip(self.recipes, of_image, strict=True)) for of_image in by_image]

    def _compute_vectors(self, batches: Sequence[Tensor]) -> list[Tensor]:
        """Compute the vectors of each recipe, (N, d) or (N, R, d), of a batch at each image size."""
        features = self._features(batches)
        return [recipe.compute(features).float() for recipe in self.recipes.values()]

    def _features(self, batches: Sequence[Tensor]) -> FeatureMaps:
        """Compute what the recipes need of a batch at each image size."""
        outputs, layers = self._outputs(batches), len(self.backbone.layers)
        maps = [of_size[:layers] for of_size in outputs]
        if self.backbone.rectified:
            maps = [[of_layer.relu() for of_layer in of_size] for of_size in maps]
        embedding = next(iter(outputs[len(outputs) // 2][layers:]), None)
        return FeatureMaps(maps, self.backbone.classifier, embedding)

    def _outputs(self, batches: Sequence[Tensor]) -> list[list[Tensor]]:
        """Run the network on a batch at each image size: `[s]` are its outputs at size `s`, see `Backbone.forward`."""
        return [self._forward(pixels[:, :3]) for pixels in batches]

    def _forward(self, pixels: Tensor) -> list[Tensor]:
        with self._exact_arithmetic():
            outputs: list[Tensor] = self._network(pixels)
        return outputs

    def _exact_arithmetic(self) -> AbstractContextManager[object]:
        """On a GPU, neither round fp32 to TF32 nor choose algorithms by timing them."""
        return (
            torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True)
            if self.device.type == "cuda"
            else nullcontext()
        )


def _describe(output: _Output) -> Description | Failure:
    if isinstance(output.vectors, Exception):  # networks fail in many ways at images that are too small or too large
        return Failure("describe", reason(output.vectors))
    vectors = _to_numpy(output.vectors)
    if not all(np.isfinite(vector).all() for vector in vectors.values()):
        return Failure("describe", "the descriptor is not finite")
    return Description(*output.size, vectors)


def _to_numpy(tensors: _Tensors) -> Vectors:
    return {name: vector.numpy() for name, vector in tensors.items()}
