"""Distances, nearest neighbours, ranks, query expansion and near-duplicates, on arrays."""
