"""Den's own commands and their reports. `trueup.cli` builds them from `den.command_line`.

Unlike the rest of a system this stands above the engine: it is loaded by name once such a command runs.
"""
