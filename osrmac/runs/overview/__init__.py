"""The overview of a run: groups of images, a map and outliers."""
