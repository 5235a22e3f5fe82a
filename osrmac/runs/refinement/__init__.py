"""Refinement of a collection and of rankings by nearest neighbours, in bounded memory."""
