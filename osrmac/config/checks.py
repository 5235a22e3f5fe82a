"""Checks that several configuration classes share."""

from __future__ import annotations

from osrmac.errors import ConfigError

__all__ = ["at_least_one"]


def at_least_one(config: object, *names: str) -> None:
    """Raise ConfigError if one of these options is given and less than 1."""
    for name in names:
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
