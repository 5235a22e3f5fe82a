"""Distances, nearest neighbours, ranks and query expansion. Numbers only."""
