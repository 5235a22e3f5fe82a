"""The `osrmac` command line."""

from osrmac.cli.app import main

__all__ = ["main"]
