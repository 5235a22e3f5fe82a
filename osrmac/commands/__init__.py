"""The subcommands: one module each, named like the subcommand."""
