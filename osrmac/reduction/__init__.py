"""Dimensionality reduction of descriptors, as scikit-learn estimators. Numbers only."""
