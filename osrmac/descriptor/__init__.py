"""Image descriptors: from encoded images to vectors, without files and without Ray."""
