"""Paths from options, variables and files: a leading `~` is a home folder."""

from __future__ import annotations

import os

from trueup.core.errors import UsageError


def home(path: str) -> str:
    """Return the path with a leading `~` or `~user` expanded; `./~x` names a file of that name.

    A shell expands options; a variable, a compose file or an option joined to its value by `=` arrives unexpanded.
    Raises UsageError for an unknown user, unless a file of exactly that name exists.
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
