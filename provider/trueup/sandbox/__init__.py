"""Real HTTP servers that behave like Den and Wexa, embedded.

Nothing here imports the rest of trueup: a fake that shares our code would share our mistakes. What it does is held
to recorded exchanges of the real server (`tests/recordings`).
"""
