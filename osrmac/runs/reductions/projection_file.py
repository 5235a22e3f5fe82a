"""Linear projections that were fitted elsewhere, read from the files in which they are published."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osrmac.credentials import without_credentials
from osrmac.errors import ConfigError, reason
from osrmac.storage.location import Location

__all__ = ["LinearProjection", "read_projection"]


@dataclass(frozen=True, eq=False)
class LinearProjection:
    """A linear layer, W x + b.

    Attributes:
        weight: W, (outputs, inputs).
        bias: b, (outputs,); zeros if the file has none.
        source: Path or URL of the file, without credentials.
    """

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    source: str


def read_projection(url: str) -> LinearProjection:
    """Read a projection without running any code of the file.

    The arrays may have any names, such as `weight` and `bias`, or `fc.weight` within nested state dicts. Those of a
    batch counter's kind, with no dimension, are ignored.

    Args:
        url: Path or fsspec URL of a `.npz` or safetensors file, or of a file written by `torch.save`.

    Raises:
        ConfigError: The file cannot be read, or does not hold one matrix and at most one vector of matching lengths.
    """
    arrays = [values for values in _read(url).values() if values.ndim]
    matrices = [values for values in arrays if values.ndim == 2]
    vectors = [values for values in arrays if values.ndim == 1]
    if len(matrices) != 1 or len(vectors) > 1 or len(arrays) > 2:
        shapes = ", ".join(str(values.shape) for values in arrays) or "none"
        raise ConfigError(
            f"{url} is no linear projection: expected one matrix and at most one vector, not arrays of shape {shapes}"
        )
    weight = matrices[0].astype(np.float64)
    bias = vectors[0].astype(np.float64) if vectors else np.zeros(len(weight))
    if len(bias) != len(weight):
        raise ConfigError(f"{url} is no linear projection: its matrix has {len(weight)} rows, its vector {len(bias)}")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ConfigError(f"{url} has values that are not finite")
    return LinearProjection(weight, bias, without_credentials(url))


def _read(url: str) -> Mapping[str, NDArray[np.generic]]:
    location = Location.of(url)
    if not location.exists():
        raise ConfigError(f"no projection at {url}: check the path given with --projection")
    if location.name.endswith(".npz"):
        try:
            with np.load(io.BytesIO(location.read_bytes()), allow_pickle=False) as archive:
                return dict(archive)
        except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
            raise ConfigError(f"cannot read {url} as .npz of plain arrays: {reason(error)}") from error
    from osrmac.descriptor.models.weights import from_file  # noqa: PLC0415  # imports torch

    state = from_file(url).state
    return {name: tensor.double().numpy() for name, tensor in state.items()}
