"""The pooling functions as `torch.nn.Module`s, without parameters to learn, for networks of one's own."""

from torch import Tensor, nn

from osrmac.descriptor import pooling, regions

__all__ = ["MAC", "OSRMAC", "RMAC", "GeM", "SuperGlobal"]


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


class GeM(nn.Module):
    """Generalised-mean pooling: see `pooling.gem`.

    Args:
        power: Exponent of the mean.
    """

    def __init__(self, power: float = pooling.GEM_POWER) -> None:
        super().__init__()
        self.power = power

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps, (..., C, H, W), to vectors of unit L2 norm, (..., C)."""
        return pooling.gem(maps, self.power)

    def extra_repr(self) -> str:
        """Return the arguments, for `repr`."""
        return f"power={self.power}"


class SuperGlobal(nn.Module):
    """Regional GeM followed by GeM: see `pooling.superglobal`."""

    def forward(self, maps: Tensor) -> Tensor:
        """Pool feature maps, (..., C, H, W), to vectors of unit L2 norm, (..., C)."""
        return pooling.superglobal(maps)
