"""Saved plans as the commands use them: written for their owner alone, read with suspicion."""

from __future__ import annotations

import contextlib
import json as plain_json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trueup import saved
from trueup.cli.options import state_of
from trueup.errors import PlanFileError, Stale, UsageError
from trueup.report import json
from trueup.session import key_of

if TYPE_CHECKING:
    from trueup.cli.options import Asked
    from trueup.manifest import Manifest
    from trueup.plan import Plan
    from trueup.session import Session

KEPT: Final = (
    "connection",
    "targets",
    "labels",
    "prune",
    "allow_disconnect",
    "resend",
    "max_delete_percent",
    "max_changes",
)
"""The options that a saved plan brings along, by their names in Asked."""


async def write(path: str, plan: Plan, asked: Asked, desired: Manifest, session: Session) -> None:
    """Writes the file, all of it or nothing. Raises UsageError and PlanFileError."""
    key = await key_of(state_of(asked), create=True)
    if key is None:
        raise UsageError(
            "a saved plan carries a keyed digest, and there is no key.",
            hint="Set TRUEUP_FINGERPRINT_KEY, or let there be a ledger (TRUEUP_LEDGER).",
        )
    options = {name: getattr(asked, name) for name in KEPT}
    text = saved.dump(
        saved.Saved(
            plan,
            plain_json.loads(json.render(plan)),
            desired.digest,
            list(asked.files or (".",)),
            options,
            session.servers,
            saved.bindings(plan, key),
            saved.stamp(session.options.clock.now()),
        ),
        key,
    )
    target = Path(path)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # for its owner alone
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise PlanFileError(f"the plan cannot be written to {path}: {error.strerror}.") from None


async def read(path: str, asked: Asked) -> tuple[saved.Saved, bytes]:
    """What the file holds, and the key of its digests. Raises PlanFileError and LedgerError."""
    key = await key_of(state_of(asked), create=False)
    found = saved.load(_text(path), key)
    assert key is not None
    return found, key


def _text(path: str) -> str:
    try:
        target = Path(path)
        if target.exists() and not target.is_file():
            raise PlanFileError(f"{path} is not a regular file.", hint="Name a file that `trueup plan --out` wrote.")
        with target.open(encoding="utf-8") as file:
            text = file.read(saved.LARGEST + 1)
    except UnicodeDecodeError:
        raise PlanFileError(f"the saved plan {path} is not UTF-8 text.", hint="Nothing was sent.") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no path of a file"
        raise PlanFileError(f"the saved plan {path} cannot be read: {reason}.", hint="Nothing was sent.") from None
    if len(text) > saved.LARGEST:
        raise PlanFileError(f"{path} is larger than any saved plan.", hint="Nothing was sent.")
    return text


def check(found: saved.Saved, desired: Manifest, session: Session) -> None:
    """Raises Stale when the manifests or the servers are not those that the plan was made from."""
    if found.desired != desired.digest:
        raise Stale(
            "the plan is stale: the manifests have changed since it was made.",
            hint="Nothing was sent. Make a new plan, or check out what it was made from.",
        )
    if moved := {name for name, scope in found.servers.items() if session.servers.get(name) != scope}:
        raise Stale(
            f"the plan is stale: {', '.join(sorted(moved))} is another server now.",
            hint="Nothing was sent. Make a new plan.",
        )


def narrowing(found: saved.Saved) -> dict[str, Any]:
    """The options that make a plan of the same steps again, with the fewest requests."""
    options = dict(found.options)
    steps = found.plan.pending
    if steps and not any(step.declared.gone for step in steps):
        options |= {"targets": [str(step.address) for step in steps], "labels": [], "prune": False}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
