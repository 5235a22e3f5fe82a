"""The Ray cluster: its address, and the connection to it or the start of one on this machine."""
