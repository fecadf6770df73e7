"""A system of another distribution goes through every door, with nothing of trueup changed for it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import grpc
import pytest
from desk_server import KEY, Desk, serving
from engine_rpc import Engine, Rpc
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from repository import ROOT

from trueup.core.reasons import Wording
from trueup.systems import installed, registry
from trueup.systems.den import system as den
from trueup.systems.installed import EntryPoint

INSTALLED = ROOT / "tests" / "installed"
PIN = "481516"
BOARDS = """\
apiVersion: desk.trueup.dev/v1
kind: Board
metadata: {name: roadmap}
spec: {colour: blue, pin: {valueFrom: {env: PIN}}}
"""
REST = """\
---
apiVersion: desk.trueup.dev/v1
kind: Board
metadata: {name: backlog}
spec: {}
---
apiVersion: desk.trueup.dev/v1
kind: Card
metadata: {name: ship}
spec: {board: roadmap, text: ship it}
"""


class Team:
    """A folder of manifests, and the command with the plug-in at hand."""

    def __init__(self, folder: Path, desk: Desk) -> None:
        self.folder = folder
        self.desk = desk
        self.declare(BOARDS + REST)

    def declare(self, text: str) -> None:
        """Write the one file of manifests."""
        (self.folder / "m").mkdir(exist_ok=True)
        (self.folder / "m" / "desk.yaml").write_text(text)

    def run(self, *words: str, code: int = 0, **variables: str) -> str:
        """Run the command, and return what it printed."""
        done = self.ran(*words, **variables)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the variables of a process that finds the plug-in and its server."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("TRUEUP_")},
            "PYTHONPATH": str(INSTALLED),
            "TRUEUP_DESK_URL": self.desk.url,
            "TRUEUP_DESK_API_KEY": KEY,
            "PIN": PIN,
            "COLUMNS": "120",
            **variables,
        }

    def ran(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        done = subprocess.run(
            [sys.executable, "-m", "trueup", *words],
            cwd=self.folder,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert PIN not in done.stdout + done.stderr
        assert KEY not in done.stdout + done.stderr
        return done


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with serving() as desk:
        yield Team(tmp_path, desk)


def test_what_is_declared_is_made_and_stays_so(team: Team) -> None:
    assert "Valid: 3 resources" in team.run("validate", "-f", "m")
    assert "3 to create" in team.run("plan", "-f", "m")
    assert "3 created" in team.run("apply", "-f", "m", "--auto-approve")
    assert {row["name"]: row.get("pin") for row in team.desk.boards.values()} == {"roadmap": PIN, "backlog": None}
    assert [row["text"] for row in team.desk.cards.values()] == ["ship it"]
    assert "0 to create, 0 to change" in team.run("plan", "-f", "m")
    team.run("drift", "-f", "m")


def test_drift_is_seen_and_healed(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    board = next(row for row in team.desk.boards.values() if row["name"] == "roadmap")
    board["colour"] = "red"
    assert 'declared "blue", live "red"' in team.run("drift", "-f", "m", code=2)
    team.run("apply", "-f", "m", "--auto-approve")
    assert board["colour"] == "blue"


def test_a_reason_of_the_system_is_shown_in_its_words_with_its_code(team: Team) -> None:
    team.declare(BOARDS + REST.replace("text: ship it", "text: ship it, done: true"))
    team.run("apply", "-f", "m", "--auto-approve")
    team.declare(BOARDS + REST.replace("text: ship it", "text: ship it, done: false"))
    words = 'Desk cannot take back that "ship it" is done. Write done: true in the manifest.'
    assert f"refused: {words}" in team.run("plan", "-f", "m")
    (card,) = json.loads(team.run("drift", "-f", "m", "-o", "json", code=2))["resource_drift"]
    assert (card["refused"], card["code"]) == (words, "desk/done-stays-done")


def test_what_left_the_manifests_is_pruned_from_a_saved_plan(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    team.declare(BOARDS)
    shown = team.run("plan", "-f", "m", "--prune", "--out", "saved")
    assert "- desk/Board/backlog" in shown
    assert "- desk/Card/ship" in shown
    team.run("apply", "saved", "--auto-approve")
    assert [row["name"] for row in team.desk.boards.values()] == ["roadmap"]
    assert not team.desk.cards


def test_what_exists_is_listed_and_imported(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    assert "2 boards" in team.run("get", "boards")
    assert "ship it" in team.run("get", "cards", "--below", "roadmap")
    assert 'none of the boards that this credential can see is called "roadmop"' in team.run(
        "get", "cards", "--below", "roadmop", code=1
    )
    assert "Wrote 2 boards" in team.run("import", "desk", "-o", "out")
    assert "In sync: 2 of 2" in team.run("plan", "-f", "out")


def test_what_a_killed_run_made_is_found_and_not_made_again(team: Team) -> None:
    """The run is killed after the server made the board, and before the ledger knows of it."""
    team.declare(BOARDS)
    team.desk.silent = True
    command = [sys.executable, "-m", "trueup", "apply", "-f", "m", "--auto-approve"]
    with subprocess.Popen(command, cwd=team.folder, env=team.environment(), stdout=subprocess.PIPE) as run:
        assert team.desk.made.wait(timeout=60)
        run.kill()
        run.communicate(timeout=60)
    team.desk.silent = False
    team.desk.answering.set()
    said = team.run("apply", "-f", "m", "--auto-approve")
    assert "was interrupted with 1 call open" in said
    assert [row["name"] for row in team.desk.boards.values()] == ["roadmap"]
    assert team.desk.requests.count("POST /boards") == 1
    assert "0 to create, 0 to change" in team.run("plan", "-f", "m")


def test_its_commands_are_listed_and_run(team: Team) -> None:
    team.run("apply", "-f", "m", "--auto-approve")
    assert "cards       List the cards of a board of Desk." in team.run("--help")
    assert "TRUEUP_DESK_WORKSPACE" in team.run("--help")
    assert "trueup get cards --below roadmap" in team.run("get", "--help")
    assert "for cards a board" in " ".join(team.run("get", "--help").split())
    assert "Also write cards of the boards." in " ".join(team.run("import", "--help").split())
    described = team.run("cards", "--help")
    assert "Usage: trueup cards [OPTIONS] BOARD" in described
    assert "--done" in described
    assert "trueup cards roadmap --done" in described
    assert team.run("cards", "roadmap") == "- ship it\n"
    assert team.run("cards", "roadmap", "--done") == "No cards.\n"
    shown = json.loads(team.ran("-o", "json", "cards", "roadmap").stdout)
    assert [card["text"] for card in shown["cards"]] == ["ship it"]
    assert 'there is no board "none"' in team.run("cards", "none", code=1)


def test_its_embedded_server_is_started_for_a_run(team: Team) -> None:
    path = os.pathsep.join((str(INSTALLED), str(ROOT / "tests" / "helpers")))
    words = ("apply", "-f", "m", "--auto-approve")
    assert "3 created" in team.run(*words, PYTHONPATH=path, TRUEUP_DESK_URL="sandbox", TRUEUP_DESK_API_KEY="")
    assert not team.desk.boards
    assert (team.folder / ".trueup" / "desk_trueup.sandbox" / "log").read_text() == ""


def test_the_reference_has_its_kinds(team: Team) -> None:
    reference = team.run("schema", "docs")
    assert "## desk Board" in reference
    assert "Desk never shows it" in reference


def test_the_schemas_describe_it(team: Team) -> None:
    manifests = team.run("schema")
    assert "desk.trueup.dev/v1" in manifests
    package = json.loads(team.run("schema", "pulumi"))
    assert {"trueup:desk:Board", "trueup:desk:Card"} <= set(package["resources"])
    assert {"deskUrl", "deskApiKey", "deskWorkspace"} <= set(package["config"]["variables"])
    assert "`sandbox` for an embedded server" in package["config"]["variables"]["deskUrl"]["description"]
    assert "trueup:desk:getBoard" in package["functions"]
    assert "updatedAt" not in package["resources"]["trueup:desk:Board"]["properties"]


def test_the_provider_speaks_for_it(team: Team) -> None:
    """The provider as Pulumi starts it, by protocol."""
    command = [sys.executable, "-c", "from trueup.plugin.serve import main; main()"]
    environment = team.environment(TRUEUP_STATE=str(team.folder / "state"))
    with subprocess.Popen(command, cwd=team.folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            asyncio.run(_spoken_to(process.stdout.readline().strip(), team.desk))
        finally:
            process.terminate()


async def _spoken_to(port: str, desk: Desk) -> None:
    options = [("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        await _lives(Rpc(provider_pb2_grpc.ResourceProviderStub(channel), Engine()), desk)


async def _lives(rpc: Rpc, desk: Desk) -> None:
    schema = json.loads((await rpc.stub.GetSchema(provider_pb2.GetSchemaRequest())).schema)
    assert {"trueup:desk:Board", "trueup:desk:Card"} <= schema["resources"].keys()
    await rpc.configure()
    assert (await rpc.check("desk:Board", "x", {"colour": 7}))[1].keys() == {"colour"}
    board = await rpc.create("desk:Board", "roadmap", colour="blue", pin=PIN)
    card = await rpc.create("desk:Card", "ship", board=board.id, text="ship it")
    assert card.id == f"{board.id}/c2"
    assert (await rpc.diff(board, board.inputs)).changes == provider_pb2.DiffResponse.DIFF_NONE
    found = await rpc.diff(board, {**board.inputs, "colour": "red"})
    assert list(found.diffs) == ["colour"]
    await rpc.update(board, **{**board.inputs, "colour": "red"})
    assert desk.boards[board.id]["colour"] == "red"
    desk.boards[board.id]["colour"] = "green"
    desk.cards["c2"]["done"] = True
    given, failures = await rpc.invoke("trueup:desk:getBoard", name="roadmap")
    assert (given["id"], [one["text"] for one in given["cards"]], failures) == (board.id, ["ship it"], {})
    assert (await rpc.invoke("trueup:desk:getBoard", name="roadmap", limit=0))[1].keys() == {"limit"}
    assert (await rpc.invoke("trueup:desk:getBoard"))[1] == {"name": "name is missing."}
    again = await rpc.imported("desk:Card", "again", card.id)
    assert again is not None
    assert again.inputs["text"] == "ship it"
    await rpc.delete(card)
    await rpc.delete(board)
    assert not desk.boards
    assert not desk.cards


def test_a_credential_of_another_workspace_is_refused_by_name(team: Team) -> None:
    said = team.run("plan", "-f", "m", code=1, TRUEUP_DESK_WORKSPACE="seven")
    assert "TRUEUP_DESK_WORKSPACE holds no id of a workspace of Desk" in said


def broken(folder: Path, name: str = "lost", distribution: str = "lost-trueup", group: str = installed.SYSTEMS) -> str:
    """Install a system whose module cannot be imported beside Desk; return the search path of both."""
    stem = distribution.replace("-", "_")
    info = folder / "broken" / f"{stem}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\n")
    (info / "entry_points.txt").write_text(f"[console_scripts]\nx = y:z\n\n[{group}]\n{name} = {stem}:SYSTEM\n")
    (folder / "broken" / f"{stem}.py").write_text("import nothing_of_that_name\n")
    return os.pathsep.join((str(folder / "broken"), str(INSTALLED)))


def test_a_command_line_that_cannot_be_loaded_disables_no_other(team: Team, tmp_path: Path) -> None:
    path = broken(tmp_path, group="trueup.cli")
    done = team.ran("--help", PYTHONPATH=path)
    assert "cards       List the cards" in done.stdout
    why = "Warning: the command line of lost (of lost-trueup) could not be loaded: ModuleNotFoundError"
    assert done.stderr.count(why) == 1


def test_a_command_that_two_systems_have_is_refused(team: Team, tmp_path: Path) -> None:
    path = broken(tmp_path, group="trueup.cli")
    module = (INSTALLED / "desk_trueup" / "command_line.py").read_text().replace("COMMAND_LINE =", "SYSTEM =")
    (tmp_path / "broken" / "lost_trueup.py").write_text(module)
    done = team.ran("cards", "roadmap", PYTHONPATH=path)
    assert done.returncode == 1
    assert 'No such command "cards"' in done.stderr
    assert "Warning: desk-trueup and lost-trueup both have a command cards." in done.stderr


def test_a_system_that_cannot_be_loaded_is_reported_once_and_disables_no_other(team: Team, tmp_path: Path) -> None:
    path = broken(tmp_path)
    why = "Warning: the system lost (of lost-trueup) could not be loaded: ModuleNotFoundError"
    for words in (
        ("validate", "-f", "m"),
        ("plan", "-f", "m"),
        ("apply", "-f", "m", "--auto-approve"),
        ("drift", "-f", "m"),
        ("get", "boards"),
        ("import", "desk", "-o", "out"),
        ("schema",),
        ("schema", "docs"),
        ("schema", "pulumi"),
    ):
        done = team.ran(*words, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count(why) == 1, words
        assert why not in done.stdout
    json.loads(team.ran("plan", "-f", "m", "-o", "json", PYTHONPATH=path).stdout)
    assert "lost" not in team.run("--help", PYTHONPATH=path)
    assert why.removeprefix("Warning: ") in team.run("import", "lost", "-o", "out2", code=1, PYTHONPATH=path)


def test_a_manifest_of_a_system_that_cannot_be_loaded_says_why(team: Team, tmp_path: Path) -> None:
    team.declare(BOARDS.replace("desk.trueup", "lost.trueup"))
    said = team.run("plan", "-f", "m", code=1, PYTHONPATH=broken(tmp_path))
    assert "the system lost (of lost-trueup) could not be loaded: ModuleNotFoundError" in said


def test_of_two_systems_of_one_name_neither_is_taken(team: Team, tmp_path: Path) -> None:
    said = team.run("plan", "-f", "m", code=1, PYTHONPATH=broken(tmp_path, "desk", "other-desk"))
    assert "could not be loaded: desk-trueup and other-desk both have a system of that name" in said
    assert "den" in team.run("schema")


def test_what_is_no_system_is_not_taken() -> None:
    points = [
        EntryPoint(installed.SYSTEMS, "den", "trueup.systems.den.system:SYSTEM"),
        EntryPoint(installed.SYSTEMS, "lost", "nothing.of.that.name:SYSTEM"),
        EntryPoint(installed.SYSTEMS, "odd", "trueup.core.errors:TrueupError"),
        EntryPoint(installed.SYSTEMS, "other", "trueup.systems.wexa.system:SYSTEM"),
    ]
    systems, left = registry.loaded(points)
    assert list(systems) == ["den"]
    assert {one.name: one.why for one in left} == {
        "lost": "ModuleNotFoundError: No module named 'nothing'",
        "odd": "its entry point is no System, but type",
        "other": "its name is 'wexa', which has to be that of the entry point: small letters and digits",
    }


def test_a_system_that_was_written_for_another_interface_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "INTERFACE", 2)
    systems, left = registry.loaded([EntryPoint(installed.SYSTEMS, "den", "trueup.systems.den.system:SYSTEM")])
    assert not systems
    assert left[0].why == "it was written for version 1 of the interface, and this is version 2"


def test_a_system_whose_reasons_have_codes_of_another_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(den, "SYSTEM", replace(den.SYSTEM, reasons={"wexa/odd": Wording("it is odd")}))
    _, left = registry.loaded([EntryPoint(installed.SYSTEMS, "den", "trueup.systems.den.system:SYSTEM")])
    assert left[0].why == "its reasons wexa/odd have to begin with den/"


def test_a_kind_that_does_not_require_the_field_of_its_tenant_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """An apply would fail when it asks which tenants to lock."""
    tenant = type("Account", (type(den.SYSTEM.tenant),), {"field": "connectorAccount"})()
    monkeypatch.setattr(den, "SYSTEM", replace(den.SYSTEM, tenant=tenant))
    _, left = registry.loaded([EntryPoint(installed.SYSTEMS, "den", "trueup.systems.den.system:SYSTEM")])
    assert left[0].why.startswith("its kinds ConnectorAccount, ")
    assert "ConnectorInstance" not in left[0].why
    assert left[0].why.endswith("have no required field connectorAccount, which names their tenant")


def test_the_same_entry_points_are_found_as_python_finds() -> None:
    for group in (installed.SYSTEMS, installed.COMMAND_LINES):
        theirs = {(one.name, one.value) for one in metadata.entry_points(group=group)}
        assert {(one.name, one.value) for one in installed.entry_points(group)} == theirs


def test_help_looks_for_no_system() -> None:
    """`--help` imports neither a system nor importlib.metadata, which takes longer than all of it."""
    code = "import sys; from trueup.cli import main; main(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    modules = set(done.stdout.split())
    assert not modules & {"importlib.metadata", "trueup.systems.registry", "trueup.systems.den.system"}
