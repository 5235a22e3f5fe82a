"""Dimensionality reduction of descriptors: scikit-learn estimators, and their stored results."""
