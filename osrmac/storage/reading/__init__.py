"""Reading of files that may be anywhere and anything: images, ground truth and rankings."""
