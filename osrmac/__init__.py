"""Instance-level image search at scale: fused multi-resolution, two-layer R-MAC descriptors."""

__version__ = "0.1.0"

__all__ = ["__version__"]
