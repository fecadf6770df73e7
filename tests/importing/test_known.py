"""`trueup import` of what a ledger knows: each keeps its address, so that no plan takes one for another."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import inside, parsed
from declare import access, account, connector, instance, mapping, target
from imports import Bench
from renaming import held, made, own
from world import INSTANCES, World

from trueup.core.kinds import Declared
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT

WITH = ("--with", "targets,mappings,access", "--include-config")


@pytest.fixture
def bench(world: World, tmp_path: Path) -> Bench:
    return Bench(world, tmp_path)


def apply(world: World, *wanted: Declared, **options: Any) -> None:
    assert asyncio.run(world.apply(*wanted, **options)).exit_code == 0


def create(world: World, *labels: str) -> dict[str, str]:
    return asyncio.run(made(world, *labels))


def documents(bench: Bench, kind: str) -> dict[str, dict[str, Any]]:
    """Return the specs that were written of a kind, by `metadata.name`."""
    found = [one for text in bench.texts().values() for one in yaml.safe_load_all(text)]
    return {one["metadata"]["name"]: one["spec"] for one in found if one.get("kind") == kind}


def unchanged(bench: Bench, *more: str) -> None:
    """Plan and apply what was written: nothing is sent, also not by the plan after it."""
    words = ("-f", str(bench.out), "--state", str(bench.world.folder), *more)
    before = bench.world.sandbox.control.get("/state").json()["tables"]
    bench.world.forget()
    for command in (("plan", "--detailed-exitcode"), ("apply", "--auto-approve"), ("plan", "--detailed-exitcode")):
        done = inside(command[0], *words, command[1])
        assert done.returncode == 0, done.stdout + done.stderr
        assert "In sync" in done.stdout
    assert bench.world.writes() == []
    after = bench.world.sandbox.control.get("/state").json()["tables"]
    assert {name: after[name] for name in before if "connector" in name} == {
        name: before[name] for name in before if "connector" in name
    }


def test_instances_that_exchanged_their_names(world: World, bench: Bench) -> None:
    ids = create(world, "a", "b", "c")
    apply(world, account(), own("a", name="b"), own("b", name="c"), own("c", name="a"))
    assert bench.den("--include-config").returncode == 0
    found = documents(bench, "ConnectorInstance")
    assert {key: found[key]["name"] for key in "abc"} == {"a": "b", "b": "c", "c": "a"}
    assert found["a"]["connectorAccount"] == "acme"
    unchanged(bench)
    assert {key: row[0] for key, row in held(world).items()} == dict(zip(ids.values(), "bca", strict=True))


def test_what_a_person_renamed_beside_what_has_its_name_now(world: World, bench: Bench) -> None:
    ids = create(world, "a")
    world.person("a", name="moved")
    world.person("old-wiki", name="A")
    theirs = world.instance("A")["id"]
    assert bench.den("--include-config").returncode == 0
    found = documents(bench, "ConnectorInstance")
    assert found["a"]["name"] == "moved"
    (other,) = [name for name, spec in found.items() if spec.get("name") == "A"]
    assert other == f"A-{theirs[-6:]}"
    unchanged(bench)
    assert world.row(INSTANCES, id=ids["a"])["name"] == "moved"


def test_what_is_imported_alone_does_not_take_an_address(world: World, bench: Bench) -> None:
    """Neither by a filter, nor as the manifest of one."""
    create(world, "a")
    world.person("a", name="moved")
    world.person("old-wiki", name="a")
    assert bench.den("--include-config", "--filter", "name=a").returncode == 0
    (name,) = documents(bench, "ConnectorInstance")
    assert name.startswith("a-")
    unchanged(bench)
    for wanted in ("a", world.instance("a")["id"]):
        done = inside("get", "instance", wanted, "-o", "yaml", *bench.base)
        assert yaml.safe_load(done.stdout)["metadata"]["name"] == name
    done = inside("get", "instance", "moved", "-o", "yaml", *bench.base)
    found = yaml.safe_load(done.stdout)
    assert (found["metadata"]["name"], found["spec"]["name"]) == ("a", "moved")


def test_what_is_below_an_instance(world: World, bench: Bench) -> None:
    """Targets and mappings that exchanged what they go by; names of parents that are addresses too."""

    def wanted(first: str, second: str) -> list[Any]:
        return [
            account("owner", displayName="Acme, Inc."),
            instance("docs", connectorAccount="owner", name="Handbook"),
            target("s", remoteId=f"acme/{first}", config={"is": "s"}),
            target("t", remoteId=f"acme/{second}", config={"is": "t"}),
            mapping("m", connectorTarget="s", selector=f"{first}/**"),
            mapping("n", connectorTarget="s", selector=f"{second}/**"),
            access("all", organization=True),
        ]

    apply(world, *wanted("one", "two"))
    apply(world, *wanted("two", "one"))
    assert bench.den(*WITH).returncode == 0
    assert {"owner"} < documents(bench, "ConnectorAccount").keys()
    targets = documents(bench, "ConnectorTarget")
    assert {key: targets[key]["remoteId"] for key in "st"} == {"s": "acme/two", "t": "acme/one"}
    assert targets["s"]["connectorInstance"] == "docs"
    assert documents(bench, "ConnectorMapping")["m"]["selector"] == "two/**"
    assert "all" in documents(bench, "ConnectorAccess")
    unchanged(bench)


def test_short_forms_have_addresses_as_well(world: World, bench: Bench, tmp_path: Path) -> None:
    manifest = tmp_path / "short.yaml"
    manifest.write_text(
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
        "spec: {remoteId: '1001', displayName: acme}\n---\n"
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorInstance\nmetadata: {name: docs}\nspec:\n"
        "  connectorAccount: acme\n  targets: [{remoteId: acme/docs, mappings: [{mappingKind: path, selector: x/**, "
        "objectType: skill}]}]\n  access: {grants: [{organization: true, role: viewer}]}\n"
    )
    done = inside("apply", "-f", str(manifest), "--state", str(world.folder), "--auto-approve")
    assert done.returncode == 0, done.stderr
    assert bench.den(*WITH).returncode == 0
    unchanged(bench)


def test_an_address_of_what_is_gone_is_free(world: World, bench: Bench) -> None:
    apply(world, account(), instance("docs"), target("main"))
    world.upstream("person", kind="connector-instance", name="docs", remove=True)
    world.person("old-wiki", name="docs")
    assert bench.den(*WITH).returncode == 0
    assert "docs" in documents(bench, "ConnectorInstance")
    unchanged(bench)


def test_addresses_that_differ_in_case_alone(world: World, bench: Bench) -> None:
    apply(world, account(), own("Docs", name="one"), own("docs", name="two"))
    assert bench.den("--include-config").returncode == 0
    found = documents(bench, "ConnectorInstance")
    assert (found["Docs"]["name"], found["docs"]["name"]) == ("one", "two")
    unchanged(bench)


def test_without_a_ledger_names_are_what_people_call_it(
    world: World, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(world, "a", "b")
    apply(world, account(), own("a", name="b"), own("b", name="a"))
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    assert bench.den("--include-config").returncode == 0
    assert all("name" not in spec for spec in documents(bench, "ConnectorInstance").values())
    assert bench.plan().startswith("In sync")


def test_a_renamed_connector_of_wexa(world: World, bench: Bench) -> None:
    apply(world, connector("crm", DEMO_PROJECT))
    world.upstream("connector-renamed", system="wexa", connectorID=DEMO_CONNECTORS["crm"], sourceName="crm2")
    assert bench.run("wexa", "-o", str(bench.out), "--project", DEMO_PROJECT).returncode == 0
    assert documents(bench, "Connector")["crm"]["name"] == "crm2"
    unchanged(bench)


def test_what_another_set_manages_is_told(world: World, bench: Bench) -> None:
    """Their addresses are no names of this set; one that moves from that set keeps them."""
    apply(world, account(), own("a"), own("b"), stack="web")
    apply(world, account(), own("a", name="b"), own("b", name="a"), stack="web")
    done = bench.den("--include-config")
    assert done.returncode == 0
    assert '3 resources by the set "web"' in done.stdout
    assert "--take-from web" in done.stdout
    listed = parsed(bench.den("--include-config", "--overwrite", "--output", "json"))["managed_by_other_sets"]
    assert {one["stack"] for one in listed} == {"web"}
    assert len(listed) == 3
    unchanged(bench, "--take-from", "web")


def test_the_set_of_the_folder_is_that_of_the_import(world: World, bench: Bench) -> None:
    apply(world, account(), own("a"), own("b"), stack="web")
    apply(world, account(), own("a", name="b"), own("b", name="a"), stack="web")
    apply(world, own("a", name="else", connectorAccount=world.instance("a")["connectorAccountId"]), stack="other")
    bench.out.mkdir()
    (bench.out / "trueup.yaml").write_text("stack: web\n")
    done = bench.den("--include-config", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert "web" not in done.stdout
    found = documents(bench, "ConnectorInstance")
    assert (found["a"]["name"], found["b"]["name"]) == ("b", "a")
    for text in ("plan", "apply"):
        more = ("--auto-approve",) if text == "apply" else ()
        done = inside(text, "-f", str(bench.out), "--state", str(world.folder), *more)
        assert 'managed by the set "other"' in done.stdout
    assert world.instance("else")


def test_a_ledger_that_cannot_be_read_is_an_error(world: World, bench: Bench) -> None:
    create(world, "a")
    (world.folder / "ledger.db").write_bytes(b"not a database" * 100)
    done = bench.den()
    assert (done.returncode, bench.out.exists()) == (1, False)
    assert "ledger" in done.stderr
