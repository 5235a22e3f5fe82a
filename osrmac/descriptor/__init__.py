"""The numeric core: from encoded images to descriptors, with no files and no cluster."""
