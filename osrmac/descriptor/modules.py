"""The pooling functions as `torch.nn.Module`s, without parameters to learn, for networks of one's own."""

from torch import Tensor, nn

from osrmac.descriptor import pooling, regions

__all__ = ["MAC", "OSRMAC", "RMAC"]


class OSRMAC(nn.Module):
    """Overlapping square-sum R-MAC: see `pooling.osrmac`.

    Args:
        levels: Number of window sizes.
    """

    def __init__(self, levels: int = pooling.LEVELS) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps, (..., C, H, W), to vectors of unit L2 norm, (..., C)."""
        return pooling.osrmac(maps, self.levels)

    def extra_repr(self) -> str:
        """Return the arguments, for `repr`."""
        return f"levels={self.levels}"


class RMAC(nn.Module):
    """R-MAC without whitening: see `regions.rmac`.

    Args:
        levels: Number of levels of regions.
    """

    def __init__(self, levels: int = regions.LEVELS) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps, (..., C, H, W), to vectors of unit L2 norm, (..., C)."""
        return regions.rmac(maps, self.levels)

    def extra_repr(self) -> str:
        """Return the arguments, for `repr`."""
        return f"levels={self.levels}"


class MAC(nn.Module):
    """Maximum activations of convolutions: see `regions.mac`."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps, (..., C, H, W), to vectors of unit L2 norm, (..., C)."""
        return regions.mac(maps)
