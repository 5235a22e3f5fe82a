"""Decoding: the accepted formats, the memory that a file takes according to its header, and its pixels as RGB."""
