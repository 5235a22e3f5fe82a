"""Options of the benchmark, and the sizes that depend on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

__all__ = ["LITE", "Settings"]

T = TypeVar("T")

LITE = "efficientnet_lite0"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of the command line.

    Attributes:
        device: `cuda` or `cpu`.
        tiny: Whether all sizes are those of the rehearsal.
        threads: Number of threads, and of processes that use one thread each.
        images: Folder of photographs; None for synthetic ones.
        weights: Weights of the ResNet.
    """

    device: str
    tiny: bool
    threads: int
    images: str | None
    weights: str

    def pick(self, full: T, tiny: T) -> T:
        """Return the value for a benchmark or for its rehearsal."""
        return tiny if self.tiny else full

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"

    @property
    def resnet(self) -> str:
        return self.pick("resnet50", "resnet18")

    @property
    def image_sizes(self) -> tuple[int, ...]:
        return self.pick((1050, 800, 550), (224, 192, 176))  # compiled from 128 pixels on

    @property
    def photograph(self) -> tuple[int, int]:
        """Width and height of most photographs."""
        return self.pick((1024, 768), (256, 192))
