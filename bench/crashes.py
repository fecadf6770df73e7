"""Killing an apply at a request of its own, running it again, and comparing with one that nobody killed.

A proxy between the program and the embedded servers counts requests and kills the program (SIGKILL) at the n-th: before
it has its effect, after the effect and before the answer, or once the answer was delivered. The program is a process of
its own, forked from one that has imported everything, so that a try takes a fraction of a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

Phase = Literal["before", "after", "answered"]
PHASES: tuple[Phase, ...] = ("before", "after", "answered")
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["trueup.cli", "trueup.engine.session", "trueup.ledger.store", "trueup.report.applied", "yaml"]
)
_PRUNING = ("--prune", "--max-delete-percent", "60")
PATIENCE = 60.0


@dataclass
class Proxy:
    """Two ports in front of two servers, and one count of what passes."""

    upstreams: dict[str, str]
    """The real servers by system."""
    urls: dict[str, str] = field(default_factory=dict)
    passed: int = 0
    at: int | None = None
    phase: Phase = "before"
    victim: int | None = None
    """The process to kill; it is killed once."""

    def arm(self, at: int | None, phase: Phase = "before") -> None:
        """Kills the next victim at that request, counted from now."""
        self.passed, self.at, self.phase, self.victim = 0, at, phase, None

    def _kill(self) -> None:
        if self.victim is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.victim, signal.SIGKILL)

    async def _serve(self, system: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        where = urlsplit(self.upstreams[system])
        up_reader, up_writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            while request := await _message(reader):
                self.passed += 1
                mine = self.passed == self.at
                if mine and self.phase == "before":
                    self._kill()
                    return
                up_writer.write(request)
                await up_writer.drain()
                answer = await _message(up_reader)
                if mine and self.phase == "after":
                    self._kill()
                    return
                writer.write(answer)
                await writer.drain()
                if mine:
                    await asyncio.sleep(0.005)  # so that the program may have seen it
                    self._kill()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            up_writer.close()
            writer.close()

    async def start(self) -> None:
        """Opens the ports."""
        for system in self.upstreams:

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, system: str = system) -> None:
                await self._serve(system, reader, writer)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            self.urls[system] = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message with its body; empty at the end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)
    return head + (await reader.readexactly(length) if length else b"")


@contextlib.contextmanager
def proxied(upstreams: dict[str, str]) -> Iterator[Proxy]:
    """A proxy in a thread of its own."""
    proxy = Proxy(upstreams)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(PATIENCE)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)


def _run(arguments: list[str], environment: dict[str, str], folder: str, log: str) -> None:
    os.environ.update(environment)
    os.chdir(folder)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    from trueup.cli import main

    os._exit(main(arguments))


@dataclass
class Trial:
    """The servers in a known state, the manifests, and the ledger as it is before each try."""

    control: httpx.Client
    proxy: Proxy
    keys: dict[str, str]
    folder: Path
    before: Path
    after: Path
    state: Any = None
    environment: dict[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Applies what is declared before, and remembers servers and ledger."""
        self.environment = {
            "TRUEUP_DEN_URL": self.proxy.urls["den"],
            "TRUEUP_DEN_API_KEY": self.keys["den"],
            "TRUEUP_WEXA_URL": self.proxy.urls["wexa"],
            "TRUEUP_WEXA_API_KEY": self.keys["wexa"],
            "CRM_PASSWORD": "a-password-of-somebody",
            "TRUEUP_LEDGER": str(self.folder / "ledger.db"),
            "NO_COLOR": "1",
        }
        assert self.run("apply", "-f", str(self.before), "--auto-approve") == 0, self.said()
        self.state = self.control.get("/state").json()
        _copy(self.folder / "ledger.db", self.folder / "kept.db")

    def restore(self) -> None:
        """As it was before the apply that is to be killed."""
        assert self.control.put("/state", json=self.state).status_code == 200
        self.control.delete("/requests")
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (self.folder / name).unlink(missing_ok=True)
        shutil.copyfile(self.folder / "kept.db", self.folder / "ledger.db")

    def run(self, *arguments: str, at: int | None = None, phase: Phase = "before") -> int:
        """Runs the program, killed at that request; its exit code, negative for a signal."""
        self.proxy.arm(at, phase)
        log = str(self.folder / "said.txt")
        process = _CONTEXT.Process(target=_run, args=(list(arguments), self.environment, str(self.folder), log))
        process.start()
        self.proxy.victim = process.pid
        process.join(PATIENCE)
        assert process.exitcode is not None, "it did not end"
        return process.exitcode

    def in_sync(self) -> bool:
        """Whether nothing is left to be done."""
        return self.run("plan", "-f", str(self.after), *_PRUNING, "--detailed-exitcode") == 0

    def said(self) -> str:
        """What the last run printed."""
        return (self.folder / "said.txt").read_text()

    def apply(self, at: int | None = None, phase: Phase = "before") -> int:
        """The apply that is to be killed, or to be run to its end."""
        return self.run("apply", "-f", str(self.after), *_PRUNING, "--auto-approve", at=at, phase=phase)

    def live(self) -> dict[str, Any]:
        """What the servers hold, without ids and times: each thing as often as it is there."""
        tables = self.control.get("/state").json()["tables"]
        return {"servers": {name: _plain(tables, name) for name in sorted(tables) if name in _SHOWN}}

    def owned(self) -> dict[str, Any]:
        """What the ledger says is ours, and whether each of it is there; what is open; locks that are held."""
        tables = self.control.get("/state").json()["tables"]
        there = {key for rows in tables.values() for key in rows}
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.db")) as database:
            rows = database.execute("select address, id from records").fetchall()
            still_open = database.execute("select count(*) from intents where state = 'open'").fetchone()[0]
            held = database.execute("select count(*) from locks").fetchone()[0]
        return {
            "addresses": sorted(address for address, _ in rows),
            "gone": sorted(address for address, key in rows if key not in there),
            "open": still_open,
            "locks": held,
        }

    def unreadable(self) -> int:
        """Of how many connectors the ledger knows that their configuration was sent."""
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.db")) as database:
            rows = database.execute("select body from records where kind = 'Connector'").fetchall()
        return sum("dataLoaderConfig.source" in body for (body,) in rows)

    def sent(self) -> Counter[str]:
        """Writes by method and route since the state was restored."""
        counts: Counter[str] = Counter()
        for one in self.control.get("/requests").json()["counts"]:
            if one["method"] != "GET":
                counts[f"{one['method']} {one['route']}"] += one["count"]
        return counts


@dataclass(frozen=True)
class Picture:
    """What an apply that nobody killed leaves behind."""

    live: dict[str, Any]
    owned: dict[str, Any]

    @classmethod
    def of(cls, trial: Trial) -> Picture:
        """The picture as it is now."""
        return cls(trial.live(), trial.owned())


def killed(trial: Trial, at: int, phase: Phase, good: Picture) -> list[str]:
    """What is wrong after a kill and another run: lost, doubled, wrongly owned or removed, sent again."""
    trial.restore()
    code = trial.apply(at, phase)
    known = trial.unreadable()
    sent = trial.sent()["POST /connectors/change_status"]
    wrong = [] if code in (-signal.SIGKILL, 0) else [f"it was not killed: {code}"]
    if (code := trial.apply()) != 0:
        wrong.append(f"the second run ended with {code}")
    now = Picture.of(trial)
    for table, rows in good.live["servers"].items():
        there = now.live["servers"][table]
        wrong += [f"lost: {row}" for row in rows if row not in there]
        wrong += [f"doubled or wrong: {row}" for row in there if there.count(row) > rows.count(row)]
    wrong += [f"{name}: {now.owned[name]}" for name in good.owned if now.owned[name] != good.owned[name]]
    again = trial.sent()["POST /connectors/change_status"] - sent
    if again > CONNECTORS - known:
        wrong.append(f"sent again although the ledger knew: {again} of {CONNECTORS}, and {known} were known")
    resynced = sum(count for route, count in trial.sent().items() if "sync" in route)
    return wrong + ([f"resynced: {resynced}"] if resynced else []) + ([] if trial.in_sync() else ["not in sync"])


CONNECTORS = 3
"""How many connectors whose configuration cannot be relied on to read back are written."""

_SHOWN = {
    "den.connectorAccounts": ("remoteId", "displayName"),
    "den.connectorInstances": ("name", "remoteId", "status", "instanceConfigJson"),
    "den.connectorTargets": ("connectorInstanceId", "remoteId", "externalTargetRef", "targetConfigJson"),
    "den.connectorMappings": ("connectorTargetId", "selector", "objectType", "mappingKind", "autoAddToPlugin"),
    "den.accessGrants": ("connectorInstanceId", "orgMembershipId", "teamId", "orgWide", "role", "revoked"),
    "wexa.connectors": ("sourceName", "status", "data_loader_config"),
}


def _plain(tables: dict[str, Any], name: str) -> list[str]:
    called = {
        row["id"]: row.get("name") or row.get("remoteId")
        for table in tables.values()
        for row in table.values()
        if "id" in row
    }
    shown = []
    for row in tables[name].values():
        row = {**row, "revoked": row.get("removedAt") is not None}
        values = {
            field: called.get(row.get(field), row.get(field))
            if field.endswith("Id") and field not in ("remoteId",)
            else row.get(field)
            for field in _SHOWN[name]
        }
        shown.append(json.dumps(values, sort_keys=True))
    return sorted(shown)


def _copy(source: Path, target: Path) -> None:
    """A copy of a database with all that is in its log."""
    with contextlib.closing(sqlite3.connect(source)) as one, contextlib.closing(sqlite3.connect(target)) as other:
        one.backup(other)
