"""Reading and writing of saved plans: readable by their owner only, and not trusted when read."""

from __future__ import annotations

import contextlib
import glob
import json as plain_json
import os
import shlex
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trueup.cli.asked import state_of
from trueup.core.errors import PlanFileError, SafetyError, Stale, UsageError
from trueup.core.records import stamp
from trueup.engine import saved
from trueup.engine.connections import redirect
from trueup.engine.match import target_of
from trueup.engine.session import key_of
from trueup.ledger.place import ledger_place
from trueup.report import json
from trueup.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from trueup.cli.asked import Asked
    from trueup.engine.plan.steps import Plan
    from trueup.engine.session import Session
    from trueup.manifest.values import Manifest

KEPT: Final = (
    "connection",
    "targets",
    "labels",
    "prune",
    "allow_disconnect",
    "resend",
    "max_delete_percent",
    "max_changes",
    "stack",
    "take_from",
)
"""The options stored in a saved plan, by their names in Asked."""


def prepare(path: str, asked: Asked) -> Path:
    """Return the file to write. Raises UsageError and PlanFileError before any request is sent."""
    if not os.environ.get("TRUEUP_FINGERPRINT_KEY") and ledger_place(state_of(asked), asked.ledger) is None:
        raise UsageError(
            "a saved plan needs a key for its digest, and there is none.",
            hint="Set TRUEUP_FINGERPRINT_KEY, or enable the ledger (TRUEUP_LEDGER).",
        )
    try:
        target = Path(os.path.realpath(path))  # replace the target of a link, not the link
        if os.path.lexists(target) and not target.is_file():
            raise PlanFileError(f"the plan cannot be written to {path}: it is not a regular file.")
        if not target.parent.is_dir():
            raise PlanFileError(f"the plan cannot be written to {path}: no such folder.")
    except (OSError, ValueError) as error:
        raise PlanFileError(f"the plan cannot be written to {path}: {_reason(error)}.") from None
    return target


async def write(target: Path, plan: Plan, asked: Asked, desired: Manifest, session: Session) -> None:
    """Write the whole file or nothing. Raises PlanFileError and LedgerError."""
    key = await key_of(state_of(asked), asked.ledger, create=True)
    assert key is not None  # checked by `prepare`
    text = saved.dump(
        saved.Saved(
            plan=plan,
            document=plain_json.loads(json.render(plan)),
            desired=desired.digest,
            files=list(asked.files or (".",)),
            options={name: getattr(asked, name) for name in KEPT},
            servers=await _servers(session),
            bound=saved.bindings(plan, key),
            created=stamp(session.options.clock.now()),
            folder=os.getcwd(),
        ),
        key,
    )
    try:
        descriptor, name = tempfile.mkstemp(prefix=".trueup-plan-", dir=target.parent)  # readable by its owner only
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise PlanFileError(f"the plan cannot be written to {target}: {_reason(error)}.") from None


async def _servers(session: Session) -> dict[str, str]:
    """Return the servers by connection, with the credential's tenant if it acts in only one."""
    found = dict(session.servers)
    for (system, name), client in session.clients.items():
        if tenant := await SYSTEMS[system].tenant.of(client):
            found[f"{system}/{name}"] += f" {tenant}"
    return found


async def read(path: str, asked: Asked) -> tuple[saved.Saved, bytes]:
    """Return the content of the file, and the key of its digests. Raises PlanFileError and LedgerError."""
    text = _text(path)
    key = await key_of(state_of(asked), asked.ledger, create=False)
    found = saved.load(text, key)
    assert key is not None
    return found, key


def _text(path: str) -> str:
    """Return the text of a regular file of limited size; never wait for a pipe or a device."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise _unreadable(path, "it is not a regular file")
            raw = file.read(saved.LARGEST + 1) if facts.st_size <= saved.LARGEST else b""
            if facts.st_size > saved.LARGEST or len(raw) > saved.LARGEST:
                raise _unreadable(path, "it is larger than any saved plan")
        return raw.decode()
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, _reason(error)) from None


def _unreadable(path: str, why: str) -> PlanFileError:
    return PlanFileError(
        f"the saved plan {path} cannot be read: {why}.",
        hint="Nothing was sent. Pass a file written by `trueup plan --out`.",
    )


def _reason(error: OSError | ValueError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is not a valid path"


def manifests(found: saved.Saved, asked: Asked) -> tuple[str, ...]:
    """Return the paths to load the manifests from: those given now, or those of the plan.

    The plan's paths are relative to the folder it was made in, or to the current one where that does not exist.
    """
    if asked.files:
        return asked.files
    if os.path.realpath(found.folder) == os.path.realpath("."):
        return tuple(found.files)
    there = [one if one == "-" else os.path.join(found.folder, one) for one in found.files]
    leads = any(one != "-" and (os.path.lexists(one) or glob.glob(one, recursive=True)) for one in there)
    return tuple(there if leads else found.files)


def check(found: saved.Saved, desired: Manifest) -> None:
    """Raise Stale when the manifests have changed since the plan was made, and SafetyError when it was refused."""
    if found.desired != desired.digest:
        raise Stale(
            "the plan is stale: the manifests have changed since it was made.",
            hint="Nothing was sent. Make a new plan, or check out the manifests that it was made from.",
        )
    if found.plan.unsafe:
        raise SafetyError(found.plan.unsafe, hint="Nothing was sent. Make a new plan that stays within the limits.")


async def check_servers(found: saved.Saved, session: Session) -> None:
    """Raise Stale when a step would reach another server or organisation than the plan was made for."""
    now = await _servers(session)
    if moved := [name for name, server in now.items() if found.servers.get(name) != server]:
        raise Stale(
            f"the plan is stale: {', '.join(sorted(moved))} now refers to another server or organisation.",
            hint="Nothing was sent. Make a new plan.",
        )


def narrowing(found: saved.Saved, desired: Manifest) -> dict[str, Any]:
    """Return the options that plan the same steps again with the fewest requests. Raises UsageError."""
    options = {"stack": None, "take_from": None, **found.options}  # older versions had no sets
    steps = [step for step in found.plan.steps if step.action != "no-op"]
    if found.plan.pending and not any(step.declared.gone for step in steps):
        declared = {one.address: one for one in redirect(desired.resources, desired.connections, options["connection"])}
        targets = dict.fromkeys(step.address for step in steps)
        # A step whose address is claimed only by a declared resource is selected by name, to include its dependencies.
        for one in (declared[address] for address in list(targets) if address in declared):
            above = (target_of(one, field.name) for field in one.kind.references if field.name in one.spec)
            targets |= dict.fromkeys(address for address in above if address in declared)
        options |= {"targets": list(map(str, targets)), "labels": [], "prune": False}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def following(path: str, asked: Asked) -> str:
    """Return the command that applies the file, ready to paste."""
    state = ["--state", asked.state] if "--state" in asked.given and asked.state else []
    return shlex.join(["trueup", "apply", path, *state])
