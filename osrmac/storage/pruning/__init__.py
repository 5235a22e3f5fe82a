"""Removal of images from the files of a run: the images, the journal, and the steps, each of which may be repeated."""
