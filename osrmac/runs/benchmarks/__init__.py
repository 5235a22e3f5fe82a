"""What a benchmark needs of a run: the images to rank, the boxes of its queries, and stored scores to compare."""
