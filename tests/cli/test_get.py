"""`trueup get` against a real sandbox: tables, JSON and YAML of what is live, and what is wrong with a question."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from commands import Terminal, inside, parsed
from den_calls import account, instance, target
from imports import PASSWORD, PROJECT, TOKEN, Bench, seed
from rich.cells import cell_len
from world import World

from trueup.manifest import load


class Getting(Bench):
    """The same bench, and the other command."""

    def get(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return inside("get", *words, *self.base, **{"COLUMNS": "200", **environment})


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Getting:
    return Getting(world, tmp_path)


def rows(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [line.split() for line in done.stdout.partition("\n\n")[0].splitlines()]


def test_a_table_and_what_it_cost(bench: Getting) -> None:
    bench.world.forget()
    done = bench.get("instances")
    found = rows(done)
    assert found[0] == ["NAME", "ID", "STATUS", "ACCOUNT", "UPDATED"]
    assert [row[0] for row in found[1:]] == ["old-wiki", "release-notes-2019"]
    assert found[1][1:4] == [bench.world.instance("old-wiki")["id"], "active", "acme-archive"]
    assert done.stdout.splitlines()[-1].startswith("2 instances. 2 requests, ")
    assert bench.world.asked() == 2


@pytest.mark.parametrize("word", ["accounts", "ConnectorAccount", "ACCOUNT", "connectoraccounts"])
def test_kinds_have_several_names(bench: Getting, word: str) -> None:
    assert [row[0] for row in rows(bench.get(word))] == ["NAME", "acme-archive"]


def test_one_by_name_costs_no_list(thousand: World, tmp_path: Path) -> None:
    bench = Getting(thousand, tmp_path)
    key = thousand.instance("repo-0007")["id"]
    for name in ("REPO-0007", key):
        thousand.forget()
        assert rows(bench.get("instance", name))[1][:2] == ["repo-0007", key]
        assert thousand.asked() == 2
    done = bench.get("instance", "repo-07")
    assert done.returncode == 1
    assert 'is called "repo-07". Did you mean "repo-' in done.stderr


def test_children_below_their_parent(bench: Getting) -> None:
    seed(bench)
    key = bench.world.instance("everything")["id"]
    for parent in ("EVERYTHING", key):
        row = rows(bench.get("targets", "--below", parent))[1]
        assert (row[0], row[2]) == ("acme/everything", "everything")
    (one,) = parsed(bench.get("targets", "--below", key, "-o", "json"))["resources"]
    for parent in (one["id"], "everything/acme/everything", "Everything/ACME/everything"):
        done = bench.get("mappings", "--below", parent)
        assert "skill skills/**  cmp_" in done.stdout
    done = bench.get("access", "--below", "everything")
    assert [row[0] for row in rows(done)][1:] == ["organization", "owner@example.test"]
    assert "ROLE" in done.stdout
    narrowed = bench.get("access", "--below", "everything", "--filter", "name=org*")
    assert [row[0] for row in rows(narrowed)][1:] == ["organization"]
    assert bench.get("targets", "--below", "Bare").stdout.startswith("No targets found. ")


def test_json_has_fields_and_no_secret(bench: Getting) -> None:
    seed(bench)
    (one,) = parsed(bench.get("instance", "everything", "-o", "json"))["resources"]
    assert one["spec"] == {
        "connectorAccount": one["parent"]["id"],
        "name": "everything",
        "remoteId": "acme/everything",
        "status": "disabled",
        "autoImportNewPlugins": False,
    }
    assert one["left_out"] == ["config"]
    done = bench.get("instance", "everything", "-o", "json", "--include-config")
    (one,) = parsed(done)["resources"]
    assert one["spec"]["config"]["branch"] == "main"
    assert "config.password" in one["left_out"]
    assert TOKEN not in done.stdout
    assert PASSWORD not in done.stdout


def test_yaml_is_what_import_writes(bench: Getting, tmp_path: Path) -> None:
    seed(bench)
    done = bench.get("instances", "-o", "yaml", "--include-config")
    assert done.returncode == 0
    assert TOKEN not in done.stdout + done.stderr
    assert "config.tokens, config.password of everything: it looks like a secret" in done.stderr
    path = tmp_path / "got.yaml"
    path.write_text(done.stdout)
    assert {one.address.name for one in load([path]).resources} >= {"everything", "Bare", "old-wiki"}
    plan = inside("plan", "-f", str(path), "--state", str(bench.world.folder))
    assert plan.stdout.startswith("In sync: 4 of 4")
    mappings = bench.get("mappings", "--below", "everything/acme/everything", "-o", "yaml")
    assert "  name: everything:acme-everything:skill skills-**\n" in mappings.stdout


def test_wexa_and_its_configuration(bench: Getting) -> None:
    for words in (["--project", PROJECT], ["--below", PROJECT]):
        found = rows(bench.get("connectors", *words))
        assert found[0] == ["NAME", "ID", "STATUS", "PROJECT"]
        assert [row[0] for row in found[1:]] == ["archive", "crm", "events"]
    done = bench.get("connector", "events", "--project", PROJECT, "-o", "json", "--include-config")
    (one,) = parsed(done)["resources"]
    assert (one["status"], one["left_out"]) == ("ready", ["dataLoaderConfig"])
    assert "reader" not in done.stdout


def test_filters(bench: Getting) -> None:
    bench.world.person("old-wiki", status="disabled")
    assert [row[0] for row in rows(bench.get("instances", "--filter", "status=Disabled"))[1:]] == ["old-wiki"]
    assert len(rows(bench.get("instances", "--filter", "account=acme-archive"))) == 3
    done = bench.get("accounts", "--filter", "status=inactive")
    assert (done.returncode, done.stdout.startswith("No matching accounts found. ")) == (0, True)
    done = bench.get("instances", "--filter", "status=ERROR")  # no manifest says it, and Den may
    assert (done.returncode, done.stdout.startswith("No matching instances found. ")) == (0, True)
    connectors = ["connectors", "--project", PROJECT, "--filter"]
    assert [row[0] for row in rows(bench.get(*connectors, "status=ready"))[1:]] == ["events"]
    done = bench.get(*connectors, "status=active")
    assert (done.returncode, done.stdout.startswith("No matching connectors found. ")) == (0, True)


def test_names_are_cut_for_people_alone(bench: Getting) -> None:
    owner = account(bench.http, "2001")
    instance(bench.http, owner, "東京" * 60)
    instance(bench.http, owner, "two\nlines \x1b[31m")
    whole = bench.get("instances", COLUMNS="80")
    assert "東京" * 60 in whole.stdout
    assert "\x1b" not in whole.stdout
    assert "two\\nlines \\x1b[31m" in whole.stdout
    with Terminal("get", "instances", *bench.base, columns=80) as terminal:
        assert terminal.end() == 0
        lines = terminal.shown().splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert any(line.startswith("東京") and "…" in line and "cin_" in line for line in lines)


def test_the_variable_for_output_serves_both(bench: Getting) -> None:
    assert bench.get("accounts", TRUEUP_OUTPUT="text").stdout.startswith("NAME")
    assert json.loads(bench.get("accounts", TRUEUP_OUTPUT="json").stdout)["resources"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "KIND is missing"),
        (["instnce"], 'there is no kind "instnce". Did you mean "instances"?'),
        (["targets"], "Add --below INSTANCE"),
        (["mappings"], "Add --below a target"),
        (["mappings", "--below", "old-wiki"], "is no target: it is an id (ctg_…), or INSTANCE/REMOTEID"),
        (["mappings", "--below", "old-wiki/none"], 'old-wiki has no target "none"'),
        (["targets", "--below", "old-wik"], 'Did you mean "old-wiki"?'),
        (["targets", "--below", "cin_01m87aqsgae588zg76b4hgstyf"], "there is no instance cin_"),
        (["instances", "--below", "x"], "instances have no parent"),
        (["instances", " "], "NAME must have"),
        (["account", "acme"], 'Did you mean "acme-archive"?'),
        (["instances", "--filter", "role=x"], "Known: name, q, status and account."),
        (["accounts", "--filter", "account=x"], "Known: name, q and status."),
        (["instances", "--filter", "status=foo"], '"foo" is no status of a ConnectorInstance. Known: active,'),
        (["accounts", "--filter", "status=disconected"], 'Did you mean "disconnected"? Known: active, inactive,'),
        (
            ["connectors", "--project", PROJECT, "--filter", "status=foo"],
            '"foo" is no status of a Connector. Known: pending, active, inactive and ready.',
        ),
        (["instances", "--project", PROJECT], "--project can be used only with connectors of Wexa"),
        (["connectors"], "Add --project ID"),
        (["connectors", "--below", "abc"], "is not a project id"),
        (["connector", "nobody", "--project", PROJECT], 'is called "nobody"'),
        (["instances", "-o", "xml"], "--output must be table, json or yaml"),
    ],
)
def test_bad_questions_are_answered_in_words(bench: Getting, words: list[str], said: str) -> None:
    done = bench.get(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


BROKEN = """
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: docs}
spec: {connectorAccount: nobody, status: activ}
---
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme
---
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: broken}
spec: {projectId: [x]}
---
kind: Deployment
"""
LEFT = "Skipped 4 documents that could not be read. Run: trueup validate\n"


def asking(bench: Getting, *commands: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """Commands that only ask, about the current folder."""
    return [inside(*words, "--state", str(bench.world.folder), COLUMNS="200") for words in commands]


def test_what_is_broken_elsewhere_stops_no_question(
    bench: Getting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "crm.yaml").write_text(
        "apiVersion: wexa.trueup.dev/v1\nkind: Connector\nmetadata: {name: crm}\n"
        f"spec: {{projectId: {PROJECT}, connectorId: {PROJECT}}}\n"
    )
    commands = [["get", "instances"], ["get", "connectors", "-o", "json"], ["events"], ["sync", "old-wiki"]]
    for done in asking(bench, *commands, ["import", "den", "-o", "out"]):
        assert (done.returncode, done.stderr) == (0, LEFT.replace("4", "3")), done.args
    (done,) = asking(bench, ["get", "accounts", "-f", "broken.yaml"])
    assert (done.returncode, done.stderr) == (0, LEFT.replace("validate", "validate -f broken.yaml"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("kind: Connection\nmetadata: {name: default}\nspec: {url: sandbox, apiKey: x}\n", "E140"),
        ("kind: Connection\nmetadata: {name: other}\nspec: {url: sandbox, colour: red}\n", "E101"),
        ("kind: Conection\nmetadata: {name: default}\nspec: {url: sandbox}\n", "E107"),
        ("kind: Connection\nmetadata: {name: default\nspec: {url: sandbox}\n", "E110"),
        ("kind: Connection\nmetadata: {name: x}\nspec: {url: sandbox}\n---\nSAME", "E130"),
        ("kind: Connection\nmetadata: {name: x}\nspec: {}\nkind: Connection\n", "E111"),
    ],
)
def test_what_is_wrong_with_a_connection_does(
    text: str, code: str, bench: Getting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = f"apiVersion: den.trueup.dev/v1\n{text}"
    whole = whole.replace("SAME", whole.partition("---")[0])
    (tmp_path / "broken.yaml").write_text(f"{BROKEN}---\n{whole}")
    for done in asking(bench, ["get", "instances"], ["events"]):
        assert (done.returncode, done.stdout) == (1, "")
        assert f"error[{code}]" in done.stderr
        assert "ConnectorInstance" not in done.stderr


def test_a_file_that_cannot_be_read_may_have_said_who_asks(
    bench: Getting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"apiVersion: den.trueup.dev/v1\nname: \xe4\n")
    (done,) = asking(bench, ["get", "instances"])
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[E124]" in done.stderr
    (tmp_path / "den.yaml").write_text(
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: default}\n"
        f"spec: {{url: '{bench.http.base_url}', apiKey: {{valueFrom: {{env: TRUEUP_DEN_API_KEY}}}}}}\n"
    )
    (done,) = asking(bench, ["get", "instances"])
    assert (done.returncode, done.stderr) == (0, LEFT.replace("4 documents", "1 document"))


def test_what_may_not_be_read_is_told(bench: Getting) -> None:
    bench.world.fault(system="den", route="/v1/connector-instances/{connectorInstanceId}/access", status=403)
    done = bench.get("access", "--below", "old-wiki")
    assert done.returncode == 1
    assert "this credential may not read cin_" in done.stdout


def test_targets_of_two_instances_are_told_apart(bench: Getting) -> None:
    owner = account(bench.http, "2001")
    for name in ("one", "two"):
        target(bench.http, instance(bench.http, owner, name), f"acme/{name}")
    assert [row[0] for row in rows(bench.get("targets", "--below", "two"))[1:]] == ["acme/two"]
