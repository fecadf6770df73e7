"""Reports for people and for programs: pure functions from a plan or a result to text, one file a report.

Nothing here reads the environment, the clock or a terminal: the Page and the time are parameters.
"""
