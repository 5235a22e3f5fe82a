"""Fixtures for the tests of descriptors."""

from collections.abc import Iterator

import pytest
import torch

from osrmac.descriptor.models.backbones import load_weights
from osrmac.descriptor.models.weights import Weights


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Use one thread: results are equal bit for bit at the same number of threads only."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def resnet18() -> Weights:
    return load_weights("resnet18", "random:0")
