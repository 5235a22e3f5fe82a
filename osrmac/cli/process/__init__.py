"""The process of the command line: its signals, its standard streams, and the command that is run at its end."""
