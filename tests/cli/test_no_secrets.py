"""Tokens are nowhere in what is printed, saved or remembered, whoever put them where: Den shows them in clear."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from commands import inside
from folders import ACCOUNT
from world import World

from trueup.engine.options import SystemClock
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT

LIVE = {
    name: f"{name}-live-4f1c9e77b2"
    for name in ("instance", "target", "mapping", "overwritten", "account", "wexa", "colleague")
}
DECLARED = {name: f"{name}-declared-93d0aa15" for name in ("HANDBOOK", "TARGET", "MAPPING", "CRM")}
LEDGER_PASSWORD = "ledger-password-0b77de"

MANIFEST = (
    ACCOUNT
    + """
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: docs}
spec:
  connectorAccount: acme
  status: active
  config:
    branch: BRANCH
    token: {valueFrom: {env: HANDBOOK}}
    nested: {password: {valueFrom: {env: HANDBOOK}}}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorTarget
metadata: {name: main}
spec:
  connectorInstance: docs
  remoteId: acme/docs
  config: {branch: BRANCH, token: {valueFrom: {env: TARGET}}}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorMapping
metadata: {name: skills}
spec:
  connectorTarget: main
  mappingKind: path
  selector: a/**
  objectType: skill
  config: {branch: BRANCH, secret: {valueFrom: {env: MAPPING}}}
---
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: PROJECT
  status: active
  dataLoaderConfig: {source: BRANCH, batchSize: 7, auth: {password: {valueFrom: {env: CRM}}}}
""".replace("PROJECT", DEMO_PROJECT)
)


class Watched:
    """The command, whose output may hold no token; what it leaves behind is looked through at the end."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.manifest = folder / "manifest.yaml"
        self.tokens = {*LIVE.values(), *DECLARED.values(), LEDGER_PASSWORD}
        self.tokens |= {world.sandbox.ready[system]["apiKey"] for system in ("den", "wexa")}

    def declare(self, branch: str, *, without: str = "") -> None:
        text = MANIFEST.replace("BRANCH", branch)
        self.manifest.write_text("\n".join(line for line in text.splitlines() if not without or without not in line))

    def run(self, command: str, *more: str, codes: tuple[int, ...] = (0,), files: bool = True) -> str:
        where = ["-f", str(self.manifest)] if files else []
        done = inside(*command.split(), *where, "--state", str(self.world.folder), *more, **DECLARED)
        said = done.stdout + done.stderr
        assert done.returncode in codes, said
        self.clean(said, command)
        return said

    def clean(self, text: str, where: object) -> None:
        for token in self.tokens:
            assert token not in text, f"{token} in {where}: {text}"

    def files(self) -> None:
        for path in [*self.world.folder.rglob("*"), *self.folder.rglob("*")]:
            if path.is_file() and path != self.manifest:
                self.clean(path.read_bytes().decode("latin-1"), path)

    def disturb(self) -> None:
        """Somebody puts tokens of their own wherever Den and Wexa show them."""
        person = self.world.upstream
        theirs = {"branch": "main", "note": LIVE["colleague"], "deep": [{"key": LIVE["colleague"]}]}
        person(
            "person",
            kind="connector-instance",
            name="docs",
            set={"config": {**theirs, "token": LIVE["instance"], "nested": {"password": LIVE["overwritten"]}}},
        )
        person("person", kind="connector-target", name="acme/docs", set={"config": {**theirs, "token": LIVE["target"]}})
        person("person", kind="connector-mapping", name="a/**", set={"config": {**theirs, "secret": LIVE["mapping"]}})
        person("person", kind="connector-account", name="acme", set={"metadata": {"token": LIVE["account"]}})
        loader = {"source": "main", "batch_size": 9, "auth": {"password": LIVE["wexa"], "extra": LIVE["wexa"]}}
        person("config-changed", system="wexa", connectorID=DEMO_CONNECTORS["crm"], data_loader_config=loader)
        state = json.dumps(self.world.sandbox.control.get("/state").json())
        assert all(token in state for token in LIVE.values())


@pytest.fixture
def watched(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    async def at_once(_: SystemClock, seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(SystemClock, "sleep", at_once)
    found = Watched(world, tmp_path)
    found.declare("main")
    return found


def test_no_command_shows_or_keeps_any(watched: Watched) -> None:
    saved = watched.folder / "plan.json"
    watched.run("plan", "-v", "-v")
    watched.run("apply", "--auto-approve", "-v", "-v")
    watched.disturb()
    for more in ((), ("--strict",), ("-o", "json"), ("--strict", "-o", "json"), ("-v", "-v"), ("--resend",)):
        said = watched.run("plan", *more)
        assert "token" in said
        watched.run("drift", *more if "--resend" not in more else (), codes=(0, 2))
    watched.run("plan", "--out", str(saved))
    watched.run(f"show {saved}", files=False)
    watched.files()
    watched.run(f"apply {saved}", "-o", "json", files=False)
    watched.disturb()
    watched.run("apply", "--auto-approve", "-v", "-v", "-o", "json")
    watched.disturb()
    for what in ("accounts", "instances", "instances docs", "targets", "mappings", "access", "connectors"):
        below = ["--below", {"mappings": "docs/acme/docs", "connectors": DEMO_PROJECT}.get(what, "docs")]
        within = below if what not in ("accounts", "instances", "instances docs") else []
        for output in ("table", "json", "yaml"):
            watched.run(f"get {what}", "-o", output, *within)
    watched.run("ledger show", files=False)
    watched.run("ledger show", "-o", "json", files=False)
    watched.run("ledger export", files=False)
    watched.run("events")
    watched.run("events", "--instance", "docs", "-o", "json")
    watched.files()


def test_what_was_ours_and_a_colleague_replaced_is_removed_unseen(watched: Watched) -> None:
    watched.run("apply", "--auto-approve")
    watched.disturb()
    watched.declare("main", without="token:")
    said = watched.run("plan", "-o", "json")
    assert "token" in said
    watched.run("plan", "--strict")
    watched.run("apply", "--auto-approve", "-v", "-v")
    watched.files()


FAULTS: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 403},
    {"reset": "after"},
    {"truncate": True},
    {"status": 400, "body": {"error": "invalid_request", "details": [{"path": ["config"], "message": "ECHO"}]}},
    {"status": 400, "body": {"error": "invalid_request", "message": "ECHO"}},
    {"status": 200, "body": {"ok": False, "item": None, "error": "ECHO"}},
    {"status": 500, "body": "ECHO"},
]


@pytest.mark.parametrize("method", ["POST", "PATCH", "GET"])
@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_no_error_shows_any(number: int, method: str, watched: Watched) -> None:
    """Also where the server says what it was sent."""
    watched.run("apply", "--auto-approve")
    watched.disturb()
    watched.declare("release")
    echo = " ".join(watched.tokens - set(LIVE.values()) - {LEDGER_PASSWORD})
    fault = json.loads(json.dumps({**FAULTS[number], "method": method}).replace("ECHO", echo))
    watched.world.fault(**fault)
    said = watched.run("apply", "--auto-approve", "-v", "-v", codes=(0, 1, 4))
    assert "Traceback" not in said
    watched.run("plan", "-o", "json", codes=(0, 1, 2))
    watched.world.calm()
    watched.run("ledger show", "-o", "json", files=False)
    watched.run("ledger export", files=False)
    watched.files()


@pytest.mark.parametrize("where", ["postgresql://ann:PASS@127.0.0.1:9/none", "postgresql://ann:PASS@127.0.0.1:9/x?a=b"])
@pytest.mark.parametrize("command", ["plan", "apply --auto-approve", "ledger show", "ledger export", "unlock"])
def test_a_ledger_that_does_not_answer_shows_no_password(
    command: str, where: str, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", where.replace("PASS", LEDGER_PASSWORD))
    for more in ((), ("-o", "json")):
        if command == "ledger export" and more:
            continue
        files = command.split()[0] in ("plan", "apply")
        said = watched.run(command, *more, codes=(1,), files=files)
        assert "E501" in said
    monkeypatch.setenv("TRUEUP_DEBUG", "1")
    watched.run(command, codes=(1,), files=files)


def test_a_postgresql_ledger_shows_and_keeps_none(
    watched: Watched, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", database)
    password = database.partition("://trueup:")[2].partition("@")[0]
    watched.tokens.add(password)
    watched.run("apply", "--auto-approve", "-v", "-v")
    watched.disturb()
    for command in ("ledger show", "ledger export", "unlock"):
        watched.run(command, files=False)
    watched.run("plan", "--strict", "-v", "-v")
