"""All checks of a GPU in one command: `python -m benchmarks.device OUT`.

A CPU runs the same code as a rehearsal: `python -m benchmarks.device OUT --tiny --device cpu`.
"""
