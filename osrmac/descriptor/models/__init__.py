"""Backbones, and the loading of their weights."""
