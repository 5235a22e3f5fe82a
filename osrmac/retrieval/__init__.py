"""Distances, nearest neighbours, ranks, query expansion, re-ranking and near-duplicates, on arrays."""
