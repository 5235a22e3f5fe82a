"""Optimisations that make a backbone faster without changing its results by more than rounding."""
