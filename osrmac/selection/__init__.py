"""Shortening descriptors: feature selection from samples or from moments, with no files and no cluster."""
