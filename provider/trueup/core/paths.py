"""Paths as people give them, in options, variables and files: a leading `~` is a home folder."""

from __future__ import annotations

import os

from trueup.core.errors import UsageError


def home(path: str) -> str:
    """Return the path with a leading `~` or `~user` as that home folder; `./~x` is how a name of that form is given.

    A shell does that for an option; a variable, a compose file or `--out=~/x` reaches us as it was written.
    Raises UsageError for a user who is not known, unless there is something of that very name.
    """
    if not path.startswith("~"):
        return path
    found = os.path.expanduser(path)
    if found.startswith("~") and not os.path.lexists(found):
        user = path[1:].partition("/")[0]
        known = f'no user is named "{user}"' if user else "no home folder is known"
        raise UsageError(
            f'the path "{path}" begins with the home folder ~{user}, and {known}.',
            hint=f'Nothing was sent. Write "./{path}" when a file of that name is meant.',
        )
    return found
