"""A sandbox, and everything a test wants of it: runs of the core against it, what it holds, what it was asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from declare import manifest
from sandboxes import Running
from waiting import wait_until

from trueup.core.kinds import Declared
from trueup.core.progress import Quiet
from trueup.core.reasons import Reason
from trueup.engine.apply import Report
from trueup.engine.loop import Options, Session
from trueup.engine.plan import Plan
from trueup.report.reasons import worded

_VERSIONS = ["2026-08", "2026-09"]
both_versions = pytest.mark.parametrize("world", _VERSIONS, indirect=True)
"""Mark a test of the fixture `world` to run against Den as recorded, and as its newer sources describe it."""
ACCOUNTS, INSTANCES, CONNECTORS = "den.connectorAccounts", "den.connectorInstances", "wexa.connectors"


class SandboxClock:
    """Time that passes when somebody sleeps: ours, and the sandbox's with it, so that nobody waits."""

    def __init__(self, sandbox: Running) -> None:
        self.sandbox = sandbox
        self.slept: list[float] = []

    @property
    def advanced(self) -> float:
        return sum(self.slept)

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.advanced)

    def monotonic(self) -> float:
        return time.monotonic() + self.advanced

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.slept.append(seconds)
        self.sandbox.control.post("/clock", json={"advanceSeconds": seconds})
        await asyncio.sleep(0)


class Recorder(Quiet):
    """Remembers everything that a run told, and does what a test wants done in between."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.lines: list[str] = []
        self.requests: list[tuple[str, str, str]] = []
        self.decisions: list[str] = []
        self.notes: list[str] = []
        self.waits: list[tuple[str, float]] = []
        self.on_look: Callable[[], Any] | None = None
        """Called after the writes, before what was written is read again."""
        self.on_request: Callable[[str, str, str], None] | None = None
        self.on_advance: Callable[[str], None] | None = None

    def phase(self, name: str, total: int | None = None) -> None:
        self.phases.append(name)
        if name == "verifying" and self.on_look:
            self.on_look()

    def advance(self, text: str = "") -> None:
        self.lines.append(text)
        if self.on_advance:
            self.on_advance(text)

    def request(self, method: str, route: str, status: str, seconds: float, request_id: str) -> None:
        self.requests.append((method, route, status))
        if self.on_request:
            self.on_request(method, route, status)

    def decision(self, text: str) -> None:
        self.decisions.append(text)

    def note(self, reason: Reason) -> None:
        self.notes.append(worded(reason))

    def waiting(self, why: str, seconds: float) -> None:
        self.waits.append((why, seconds))

    @property
    def said(self) -> str:
        """All of it, as one text."""
        told = [*self.phases, *self.lines, *self.decisions, *self.notes]
        return "\n".join([*told, *map(str, self.requests), *map(str, self.waits)])


class World:
    """One sandbox in a known state, with a state folder of its own."""

    def __init__(self, sandbox: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self.clock = SandboxClock(sandbox)
        self.progress = Recorder()
        for system in ("den", "wexa"):
            monkeypatch.setenv(f"TRUEUP_{system.upper()}_URL", sandbox.ready[system]["url"])
            monkeypatch.setenv(f"TRUEUP_{system.upper()}_API_KEY", sandbox.ready[system]["apiKey"])
        monkeypatch.delenv("TRUEUP_LEDGER", raising=False)
        monkeypatch.delenv("TRUEUP_FINGERPRINT_KEY", raising=False)

    def options(self, **more: Any) -> Options:
        return Options(**{"state": self.folder, "clock": self.clock, "progress": self.progress, **more})

    def session(self, *resources: Declared, connections: tuple[Declared, ...] = (), **more: Any) -> Session:
        return Session(manifest(*resources, connections=connections), self.options(**more))

    async def plan(self, *resources: Declared, **more: Any) -> Plan:
        async with self.session(*resources, **more) as session:
            return await session.plan()

    async def apply(self, *resources: Declared, **more: Any) -> Report:
        async with self.session(*resources, **more) as session:
            return await session.apply(await session.plan())

    async def in_sync(self, *resources: Declared, **more: Any) -> bool:
        plan = await self.plan(*resources, **more)
        return not plan.has_changes

    def fault(self, **fault: Any) -> None:
        answer = self.sandbox.control.post("/faults", json=fault)
        assert answer.status_code == 200, answer.text

    def calm(self) -> None:
        self.sandbox.control.delete("/faults")

    def switch(self, **switches: Any) -> None:
        answer = self.sandbox.control.put("/wexa", json=switches)
        assert answer.status_code == 200, answer.text

    def den(self, **switches: Any) -> None:
        """Switch Den to one of its versions, or set its switches."""
        answer = self.sandbox.control.put("/den", json=switches)
        assert answer.status_code == 200, answer.text

    def count_exactly(self) -> None:
        """Have Den count every request of a key: the recorded one does not count some of those that overlap."""
        self.den(version=self.sandbox.control.get("/den").json()["version"], window="exact")

    def upstream(self, change: str, **details: Any) -> Any:
        answer = self.sandbox.control.post("/upstream", json={"type": change, **details})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def person(self, name: str, /, kind: str = "connector-instance", **values: Any) -> Any:
        """A colleague sets fields of an instance (or of what else `kind` says) by its name."""
        return self.upstream("person", kind=kind, name=name, set=values)

    def rows(self, table: str) -> list[dict[str, Any]]:
        tables = self.sandbox.control.get("/state").json()["tables"]
        return list(tables.get(table, {}).values())

    def row(self, table: str, **values: Any) -> dict[str, Any]:
        """The only row with those values."""
        found = [row for row in self.rows(table) if all(row.get(key) == value for key, value in values.items())]
        assert len(found) == 1, found
        return found[0]

    def instance(self, name: str) -> dict[str, Any]:
        return self.row(INSTANCES, name=name)

    def forget(self) -> None:
        self.sandbox.control.delete("/requests")

    def asked(self, *, system: str | None = None) -> int:
        """How many requests the servers got since they last forgot."""
        view = self.sandbox.control.get("/requests").json()
        return sum(one["count"] for one in view["counts"] if system in (None, one["system"]))

    def settle(self) -> None:
        """Waits until the servers have dealt with everything that they were asked, also with what nobody waits for."""

        def settled() -> bool:
            view = self.sandbox.control.get("/requests").json()
            return bool(view["total"] >= len(view["log"]))

        wait_until(settled)

    def fired(self) -> bool:
        """Whether the newest fault has met a request."""
        return bool(self.sandbox.control.get("/faults").json()["faults"][-1]["fired"])

    def held(self) -> bool:
        """Whether the newest fault holds a request."""
        return bool(self.sandbox.control.get("/faults").json()["faults"][-1]["held"])

    def writes(self) -> list[str]:
        """Method and path of every request but GET, in the order of arrival."""
        log = self.sandbox.control.get("/requests").json()["log"]
        return [f"{one['method']} {one['path']}" for one in log if one["method"] != "GET"]

    def routes(self) -> Counter[str]:
        """How often each `METHOD route` was asked."""
        view = self.sandbox.control.get("/requests").json()
        counts: Counter[str] = Counter()
        for one in view["counts"]:
            counts[f"{one['method']} {one['route']}"] += one["count"]
        return counts


def actions(plan: Plan) -> dict[str, str]:
    """Action by the address's name, for every step."""
    return {step.address.name: step.action for step in plan.steps}


def results(report: Report) -> dict[str, str]:
    """Result by the address's name."""
    return {outcome.address.name: outcome.result for outcome in report.outcomes}


def changed(plan: Plan) -> dict[str, tuple[Any, Any]]:
    """Old and new value of everything that differs, by dotted name, of a plan with one step."""
    (step,) = plan.steps
    return {change.name: (change.before, change.after) for change in step.changes}


def names(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(row["name"] for row in rows)
