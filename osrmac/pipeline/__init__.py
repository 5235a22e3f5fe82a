"""The steps from images to scores: the only package that knows Ray."""
