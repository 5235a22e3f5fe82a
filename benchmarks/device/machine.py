"""The machine: card, versions, and speed of matrix products and copies."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import torch

from benchmarks.device.clock import best, matrix_product
from benchmarks.device.section import Checks
from benchmarks.device.settings import Settings

_PACKAGES = ("torch", "torchvision", "ray", "pillow", "numpy", "pyarrow")
_QUERY = ("name", "driver_version", "memory.total", "clocks.sm", "clocks.max.sm", "power.limit", "temperature.gpu")
_COPIED = 1 << 28


def checks(settings: Settings) -> Checks:
    yield "machine", partial(_facts, settings)
    for name, dtype in {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}.items():
        yield f"matrix product {name}, TFLOP per second", partial(_product, settings.device, dtype)
    if settings.on_gpu:
        yield "matrix product TF32, TFLOP per second", partial(_product_tf32, settings.device)
        yield "copies, GB per second", _copies


def _facts(settings: Settings) -> dict[str, object]:
    facts: dict[str, object] = {
        "device": torch.cuda.get_device_name() if settings.on_gpu else "cpu",
        "python": platform.python_version(),
        "CPUs": os.cpu_count(),
        "threads": settings.threads,
        **{package: version(package) for package in _PACKAGES},
    }
    return facts | (_gpu_facts() if settings.on_gpu else {})


def _gpu_facts() -> dict[str, object]:
    command = ["nvidia-smi", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader"]
    values = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip().split(", ")
    return {
        "CUDA": torch.version.cuda,
        "cuDNN": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        **dict(zip(_QUERY, values, strict=True)),
    }


def _product(device: str, dtype: torch.dtype) -> float:
    return round(matrix_product(device, dtype), 3)


def _product_tf32(device: str) -> float:
    torch.set_float32_matmul_precision("high")
    try:
        return _product(device, torch.float32)
    finally:
        torch.set_float32_matmul_precision("highest")


def _copies() -> dict[str, float]:
    pageable = torch.empty(_COPIED, dtype=torch.uint8)
    pinned, there = pageable.pin_memory(), pageable.cuda()
    copies: dict[str, Callable[[], object]] = {
        "pageable to the device": lambda: there.copy_(pageable),
        "pinned to the device": lambda: there.copy_(pinned, non_blocking=True),
        "to pinned": lambda: pinned.copy_(there, non_blocking=True),
        "within the device, read and written": there.clone,
    }
    factors = {"within the device, read and written": 2}
    return {name: round(factors.get(name, 1) * _COPIED / best(copy, "cuda") / 1e9, 1) for name, copy in copies.items()}
