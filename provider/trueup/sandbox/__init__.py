"""Embedded HTTP servers that behave like Den and Wexa.

Nothing here imports the rest of trueup: a fake that shares its code would share its mistakes. Tests compare it with
recorded exchanges of the real server (`tests/recordings`).
"""
