"""Judge image files by their headers: how much memory will decoding take?"""
