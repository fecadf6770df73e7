"""A session for the commands: with progress and interrupts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from trueup.cli.asked import state_of
from trueup.cli.interrupt import Interrupt
from trueup.cli.progress import Lines, watching
from trueup.core.tasks import blocking
from trueup.engine.options import Options
from trueup.engine.plan.policy import Limit
from trueup.engine.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trueup.cli.asked import Asked
    from trueup.cli.console import Console
    from trueup.engine.plan.steps import Plan
    from trueup.manifest.values import Manifest


@contextlib.asynccontextmanager
async def session(
    asked: Asked,
    console: Console,
    desired: Manifest,
    *,
    results: bool = False,
    fail_fast: bool = False,
    systems: tuple[str, ...] = (),
) -> AsyncIterator[tuple[Session, Lines, Interrupt]]:
    """Open a session with its progress and signal handling; `results` prints each step's outcome as it happens.

    `systems` are opened even if no resource of them is declared.
    """
    progress = watching(console, asked.verbose, results=results)
    interrupt = Interrupt(progress)
    options = Options(
        connection=asked.connection,
        targets=asked.targets,
        labels=asked.labels,
        prune=asked.prune,
        disconnect=asked.allow_disconnect,
        strict=asked.strict,
        limit=Limit(asked.max_delete_percent, asked.max_changes),
        max_age=asked.max_age,
        max_requests=asked.max_requests,
        lock_timeout=asked.lock_timeout.total_seconds(),
        parallelism=asked.parallelism,
        retry_for=asked.retry_for.total_seconds(),
        fail_fast=fail_fast,
        resend=asked.resend,
        state=state_of(asked),
        ledger=asked.ledger,
        stack=asked.stack or "",
        take_from=asked.take_from,
        progress=progress,
    )
    with interrupt.heeded():
        try:
            async with Session(desired, options, systems) as opened:
                yield opened, progress, interrupt
        finally:
            progress.close()


def look(asked: Asked, console: Console, desired: Manifest) -> Plan:
    """Return the plan."""

    async def planned() -> Plan:
        async with session(asked, console, desired) as (opened, _, _):
            return await opened.plan()

    return blocking(planned())
