"""Pure functions Plan or Report -> str, one file a report: what was found and done, for people and for programs.

Nothing here reads the environment, the clock or a terminal: a Page says what may be used, and times are parameters.
"""
