"""The values of the options that commands share."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from trueup.ledger.place import STATE


@dataclass(frozen=True)
class Asked:
    """The values of the shared options."""

    files: tuple[str, ...] = ()
    connection: str | None = None
    targets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    output: str = "text"
    parallelism: int | None = None
    verbose: int = 0
    no_color: bool = False
    resend: bool = False
    prune: bool = False
    allow_disconnect: bool = False
    strict: bool = False
    max_delete_percent: int = 30
    max_changes: int | None = None
    max_age: timedelta | None = None
    max_requests: int = 0
    lock_timeout: timedelta = timedelta(0)
    retry_for: timedelta = timedelta(minutes=2)
    state: str | None = None
    stack: str | None = None
    take_from: str | None = None
    ledger: str | None = None
    """The ledger that trueup.yaml names; not a command-line option."""
    given: tuple[str, ...] = ()
    """The options on the command line, as arguments, without --target and output."""

    def command(self, name: str, target: str | None = None) -> str:
        """Return a command line about the same resources, ready to paste."""
        targets = (target,) if target is not None else self.targets
        words = ["trueup", name, *self.given]
        for one in targets:
            words += ["--target", one]
        return shlex.join(words)


def state_of(asked: Asked) -> Path:
    """Return the state folder."""
    return Path(asked.state) if asked.state else STATE
