"""Changes to the plan of a run: its rows, and the locations of images in committed rows."""
