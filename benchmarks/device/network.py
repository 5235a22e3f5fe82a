"""Ways to run the network on a device, from pixels that are there already to descriptors that stay there.

Submitting is what the interpreter does; a device that computes faster is not busy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from benchmarks.device.clock import best, wait
from benchmarks.device.describers import load, load_weights
from benchmarks.device.section import Checks
from benchmarks.device.settings import LITE, Settings
from osrmac.descriptor.describer import Describer
from osrmac.descriptor.models import backbones
from osrmac.descriptor.models.backbones import Backbone
from osrmac.descriptor.optimize.compile import compile_for_gpu
from osrmac.descriptor.optimize.cuda_graphs import CapturedComputation
from osrmac.descriptor.optimize.fuse_bn import fuse_batch_norm
from osrmac.descriptor.recipes import FeatureMaps
from osrmac.descriptor.resize import scaled_size

__all__ = ["checks"]

_Network = Callable[[Tensor], list[Tensor]]
_Compute = Callable[[Sequence[Tensor]], Tensor]
_Variant = Callable[[Describer, _Compute, Sequence[Tensor]], _Compute]


def checks(settings: Settings) -> Checks:
    """The slowest compilation comes last."""
    for backbone, variant, size in _cases(settings):
        name = variant.__name__.strip("_").replace("_", " ")
        yield f"{backbone}, {name}, batches of {size}", partial(_measure, settings, backbone, variant, size)


def _cases(settings: Settings) -> list[tuple[str, _Variant, int]]:
    resnet, sizes = settings.resnet, settings.pick((32, 8, 1), (2,))
    fused: list[_Variant] = [_fused, _captured] if settings.on_gpu else [_fused]
    return [
        *((backbone, _layer_by_layer, sizes[0]) for backbone in (resnet, LITE)),
        *((resnet, variant, size) for variant in fused for size in sizes),
        *((LITE, variant, sizes[0]) for variant in fused),
        *((backbone, _compiled, sizes[0]) for backbone in (resnet, LITE)),
    ]


@torch.inference_mode()
def _measure(settings: Settings, backbone: str, variant: _Variant, size: int) -> dict[str, float]:
    describer = load(settings, backbone, "bf16")
    pixels = [_pixels(settings, size, side) for side in settings.image_sizes]
    with describer._exact_arithmetic():
        plain = _with(describer, _unfused(settings, backbone).from_bytes)
        expected = plain(pixels)
        started = time.perf_counter()
        compute = variant(describer, plain, pixels)
        computed = compute(pixels).clone()
        wait(settings.device)
        first = time.perf_counter() - started
        taken = best(partial(_repeat, compute, pixels), settings.device, rounds=settings.pick(5, 1)) / _REPEATS
        wait(settings.device)
        started = time.perf_counter()
        compute(pixels)
        submitting = time.perf_counter() - started
    cosines = torch.nn.functional.cosine_similarity(computed.float(), expected.float())
    return {
        "milliseconds an image": round(1e3 * taken / size, 3),
        "images per second": round(size / taken, 1),
        "submitting, milliseconds an image": round(1e3 * submitting / size, 3),
        "seconds until the first result": round(first, 2),
        "lowest cosine to the network layer by layer": round(float(cosines.min()), 6),
    }


def _unfused(settings: Settings, backbone: str) -> Backbone:
    """Build a network whose layers are fused with their batch normalisation only."""
    network = backbones.build(backbone, (), load_weights(backbone, settings.weights).state)
    network.trunk = fuse_batch_norm(network.trunk)
    network.to(settings.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.trunk.to(torch.bfloat16)
    return network


_REPEATS = 3


def _repeat(compute: _Compute, pixels: Sequence[Tensor]) -> None:
    for _ in range(_REPEATS):
        compute(pixels)


def _pixels(settings: Settings, size: int, longest_side: int) -> Tensor:
    """Random smooth images as a batch on the device: uint8, (N, 3, H, W), with four bytes per pixel."""
    width, height = scaled_size(*settings.photograph, longest_side)
    coarse = torch.rand(size, 4, 24, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    batch = (255 * smooth).byte().to(settings.device).contiguous(memory_format=torch.channels_last)
    return batch[:, :3]


def _with(describer: Describer, network: _Network) -> _Compute:
    (recipe,) = describer.recipes.values()
    return lambda pixels: recipe.compute(FeatureMaps([network(of_size) for of_size in pixels]))


def _layer_by_layer(_describer: Describer, plain: _Compute, _pixels: Sequence[Tensor]) -> _Compute:
    return plain


def _fused(describer: Describer, _plain: _Compute, _pixels: Sequence[Tensor]) -> _Compute:
    return _with(describer, describer.backbone.from_bytes)


def _captured(describer: Describer, plain: _Compute, pixels: Sequence[Tensor]) -> _Compute:
    fused = _fused(describer, plain, pixels)
    captured = CapturedComputation(lambda given: [fused(given)])
    return lambda given: captured(given)[0]


def _compiled(describer: Describer, _plain: _Compute, _pixels: Sequence[Tensor]) -> _Compute:
    return _with(describer, compile_for_gpu(describer.backbone))
