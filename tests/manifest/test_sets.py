"""Named sets of manifests: what each declares, holds and prunes, with one shared ledger."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import inside, parsed
from declare import account, instance, target
from world import INSTANCES, World, actions

from trueup.core.errors import ManifestError
from trueup.core.records import Record
from trueup.engine.plan import Plan
from trueup.ledger.store import Ledger
from trueup.manifest.sets import set_in
from trueup.report import text
from trueup.report.page import Page
from trueup.report.reasons import worded


async def records(world: World) -> dict[str, str]:
    """Return address and set of each record of the ledger."""
    async with await Ledger.open(world.folder / "ledger.db") as ledger:
        return {record.name or record.id: record.stack for record in (await ledger.records()).values()}


def why(plan: Plan) -> dict[str, str]:
    return {step.address.name: worded(step.why) for step in plan.steps if step.action == "refuse"}


async def test_a_set_prunes_what_is_its_own_alone(world: World) -> None:
    await world.apply(account(), instance("legacy"))
    other = account("beta", remoteId="2002")
    await world.apply(
        other, instance("b1", connectorAccount="beta"), instance("b2", connectorAccount="beta"), stack="b"
    )
    third = account("gamma", remoteId="3003")
    await world.apply(
        third, instance("c1", connectorAccount="gamma"), instance("c2", connectorAccount="gamma"), stack="c"
    )
    plan = await world.plan(other, instance("b1", connectorAccount="beta"), stack="b", prune=True)
    assert actions(plan) == {"b2": "delete"}
    plan = await world.plan(other, instance("b1", connectorAccount="beta"), stack="b")
    assert [left.record.name for left in plan.left] == ["b2"]
    plan = await world.plan(account(), prune=True)
    assert actions(plan) == {"legacy": "delete"}
    await world.apply(other, instance("b1", connectorAccount="beta"), stack="b", prune=True)
    assert world.instance("b2")["status"] == "archived"
    assert {world.instance(name)["status"] for name in ("legacy", "b1", "c1", "c2")} == {"active"}
    assert "b2" not in await records(world)


async def test_a_set_claims_what_has_none_by_declaring_it(world: World) -> None:
    await world.apply(account(), instance("one"), instance("two"))
    plan = await world.plan(account(), instance("one"), stack="a", prune=True)
    assert not plan.has_changes
    await world.apply(account(), instance("one"), stack="a", prune=True)
    assert await records(world) == {"acme": "a", "one": "a", "two": ""}
    assert world.instance("two")["status"] == "active"
    assert actions(await world.plan(account(), stack="a", prune=True)) == {"one": "delete"}


@pytest.mark.parametrize("stack", ["", "b"])
async def test_what_another_set_holds_is_refused_and_can_be_moved(stack: str, world: World) -> None:
    await world.apply(account(), instance("docs"), stack="a")
    before = world.rows(INSTANCES)
    wanted = (account(), instance("docs", status="disabled"), instance("fresh"))
    plan = await world.plan(*wanted, stack=stack)
    assert actions(plan) == {"acme": "refuse", "docs": "refuse", "fresh": "create"}
    assert 'managed by the set "a" (den/ConnectorInstance/docs)' in why(plan)["docs"]
    assert "--take-from a" in why(plan)["docs"]
    hint = 'this run is of the set "b"' if stack else "this run has no set. Run it in that set (--stack a, or"
    assert hint in why(plan)["docs"]
    await world.apply(*wanted[:2], stack=stack)
    assert world.rows(INSTANCES) == before
    assert await records(world) == {"acme": "a", "docs": "a"}
    plan = await world.plan(*wanted, stack=stack, take_from="other")
    assert 'no resource is moved from the set "other" (--take-from)' in map(worded, plan.off)
    plan = await world.plan(*wanted[:1], stack=stack, take_from="a")
    assert not plan.has_changes
    target = f'the set "{stack}"' if stack else "no set"
    assert f'Note: trueup apply moves 1 resource from the set "a" to {target}.' in text.render(plan, Page(200))
    report = await world.apply(*wanted, stack=stack, take_from="a")
    assert report.exit_code == 0
    assert world.instance("docs")["status"] == "disabled"
    assert await records(world) == {"acme": stack, "docs": stack, "fresh": stack}
    assert not (await world.plan(account(), stack="a")).left


async def test_two_sets_may_use_one_name_for_different_things(world: World) -> None:
    await world.apply(account(), instance("docs", name="Docs of A"), stack="a")
    theirs = account("acme", remoteId="2002", displayName="other")
    await world.apply(theirs, instance("docs", name="Docs of B"), stack="b")
    assert await world.in_sync(account(), instance("docs", name="Docs of A"), stack="a")
    assert await world.in_sync(theirs, instance("docs", name="Docs of B"), stack="b")
    await world.apply(account(), instance("docs", name="Docs of all"), stack="a")
    assert {row["name"] for row in world.rows(INSTANCES)} >= {"Docs of all", "Docs of B"}


async def test_nothing_of_another_set_is_deleted_along(world: World) -> None:
    await world.apply(account(), instance("docs", deletionPolicy="remove"), stack="a")
    key = world.instance("docs")["id"]
    await world.apply(target("main", connectorInstance=key), stack="b")
    plan = await world.plan(account(), stack="a", prune=True)
    assert actions(plan) == {"docs": "refuse"}
    assert 'would also delete den/ConnectorTarget/main of the set "b"' in why(plan)["docs"]
    await world.apply(account(deletionPolicy="disconnect"), stack="a")
    plan = await world.plan(instance("docs", connectorAccount=world.instance("docs")["connectorAccountId"]), stack="c")
    assert "docs" in why(plan)


async def test_nothing_is_done_below_what_another_set_holds(world: World) -> None:
    await world.apply(account(), instance("docs"), stack="a")
    key = world.instance("docs")["id"]
    everyone = {"connectorInstanceId": key, "orgWide": True, "role": "viewer"}
    assert world.sandbox.den.post(f"/v1/connector-instances/{key}/access", json=everyone).is_success
    wanted = instance("docs", access={"exclusive": True, "grants": []}), target("main", connectorInstance="docs")
    plan = await world.plan(account(), *wanted, stack="b")
    assert {step.action for step in plan.steps} == {"refuse"}
    assert 'its parent is managed by the set "a"' in why(plan)["main"]


async def test_no_name_changes_hands_with_what_another_set_holds(world: World) -> None:
    await world.apply(account(), instance("mine"))
    key = world.instance("mine")["connectorAccountId"]
    await world.apply(instance("theirs", connectorAccount=key), stack="b")
    before = world.rows(INSTANCES)
    swapped = instance("mine", name="theirs"), instance("theirs", name="mine", id=world.instance("theirs")["id"])
    plan = await world.plan(account(), *swapped)
    assert actions(plan) == {"mine": "refuse", "theirs": "refuse"}
    assert 'managed by the set "b"' in why(plan)["theirs"]
    assert "which is refused" in why(plan)["mine"]
    await world.apply(account(), *swapped)
    assert world.rows(INSTANCES) == before, "nothing was left under a temporary name"


async def test_a_name_that_another_set_holds_is_refused_as_that(world: World) -> None:
    await world.apply(account(), instance("mine"))
    key = world.instance("mine")["connectorAccountId"]
    await world.apply(instance("theirs", connectorAccount=key), stack="b")
    plan = await world.plan(account(), instance("mine", name="theirs"))
    assert actions(plan) == {"mine": "refuse"}
    assert 'den/ConnectorInstance/theirs of the set "b"; rename it there' in why(plan)["mine"]


async def test_the_share_that_is_managed_leaves_other_sets_out(world: World) -> None:
    unmanaged = len((await world.plan(account())).unmanaged)
    await world.apply(account(), instance("mine"), stack="a")
    plan = await world.plan(account("beta", remoteId="2002"), stack="b")
    assert len(plan.unmanaged) <= unmanaged
    assert "mine" not in {live.name for _, live in plan.unmanaged}
    plan = await world.plan(account(), instance("mine"), stack="b")
    assert "(0 % managed)" in text.render(plan, Page(200))


async def test_the_limit_is_by_set(world: World) -> None:
    many = [instance(f"a{number}") for number in range(30)]
    await world.apply(account(), *many, stack="a")
    theirs = account("beta", remoteId="2002")
    few = [instance(f"b{number}", connectorAccount="beta") for number in range(12)]
    await world.apply(theirs, *few, stack="b")
    plan = await world.plan(theirs, few[0], stack="b", prune=True)
    assert "%" in worded(plan.unsafe) or "of" in worded(plan.unsafe)


# trueup.yaml


@pytest.fixture
def folder(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the manifests of a set called `team-a`."""
    place = tmp_path / "team"
    (place / "connectors").mkdir(parents=True)
    (place / "other").mkdir()
    (place / "trueup.yaml").write_text("stack: team-a\nfiles: [connectors]\nledger: kept/led.db\nlockTimeout: 1s\n")
    (place / "kept").mkdir()
    for name in ("one", "two"):
        text = f'metadata: {{name: {name}}}\nspec: {{remoteId: "{name}", displayName: {name}}}\n'
        (place / "connectors" / f"{name}.yaml").write_text(
            f"apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\n{text}"
        )
    (place / "other" / "broken.yaml").write_text("apiVersion: den.trueup.dev/v1\nkind: [\n")
    for name in ("TRUEUP_STACK", "TRUEUP_FILE", "TRUEUP_STATE", "PGPASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(place)
    return place


def shown(*words: str) -> Any:
    return parsed(inside("ledger", "show", "-o", "json", *words))["resources"]


def test_trueup_yaml_names_the_set_and_says_what_is_not_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside("validate").stdout.startswith("Valid: 2 resources")
    done = inside("apply", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "kept" / "led.db").is_file()
    assert {one["stack"] for one in shown()} == {"team-a"}
    assert shown("--stack", "team-b") == []
    told = inside("ledger", "show").stdout
    assert '2 managed resources of the set "team-a" in ' in " ".join(told.split())
    assert "set team-a" in told
    refused = inside("plan", "--stack", "team-b")
    assert refused.returncode == 1
    assert 'managed by the set "team-a"' in " ".join(refused.stdout.split())
    assert inside("plan", TRUEUP_STACK="team-b").returncode == 1
    assert inside("plan", "--stack", "team-a", TRUEUP_STACK="team-b").returncode == 0
    assert inside("apply", "--auto-approve", "--stack", "team-b", "--take-from", "team-a").returncode == 0
    assert {one["stack"] for one in shown("--stack", "team-b")} == {"team-b"}
    assert "No ledger" in inside("ledger", "show", TRUEUP_LEDGER="elsewhere.db").stdout
    monkeypatch.chdir(folder.parent)
    assert inside("plan", "-f", "team", "--stack", "team-b").returncode == 0
    assert (folder.parent / "elsewhere.db").exists() is False
    assert inside("plan", "-f", "team").returncode == 1  # uses the set of that folder


def test_forget_is_by_set(folder: Path) -> None:
    assert inside("apply", "--auto-approve").returncode == 0
    where = {"TRUEUP_LEDGER": str(folder / "kept" / "led.db")}
    other = inside("ledger", "forget", "--auto-approve", "--stack", "team-b", **where)
    assert "No resource of the set" in other.stdout
    assert '"team-a"' in other.stdout
    named = inside("ledger", "forget", "den/ConnectorAccount/one", "--auto-approve", "--stack", "b", **where)
    assert named.returncode == 1
    assert "pass --stack" in named.stdout
    assert "Removed 2 resources" in inside("ledger", "forget", "--auto-approve").stdout
    exported = json.loads(inside("ledger", "export").stdout)
    assert exported["resources"] == []


def test_a_saved_plan_brings_its_set_along(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside("plan", "--out", "plan.json", "--stack", "late").returncode == 0
    assert inside("apply", "plan.json").returncode == 0
    assert {one["stack"] for one in shown("--stack", "late")} == {"late"}
    assert shown() == []


ROWS = {
    "unknown key": ("stak: a\n", "1:1", "E101", 'did you mean "stack"?'),
    "a name": ("stack: a b\n", "1:8", "E105", "letters"),
    "no text": ("stack: 1\n", "1:8", "E103", "Quote it"),
    "a list": ("- stack\n", "1:1", "E108", "stack: NAME"),
    "files": ("files: connectors\n", "1:8", "E103", "Write a list"),
    "stdin": ('files: ["-"]\n', "1:8", "E105", "Name files"),
    "percent": ("maxDeletePercent: 101\n", "1:19", "E105", "at most 100"),
    "time": ("lockTimeout: soon\n", "1:14", "E105", "90s"),
    "twice": ("stack: a\nstack: b\n", "2:1", "E111", "Remove it"),
    "two documents": ("stack: a\n---\nstack: b\n", "3:1", "E108", "Remove it"),
    "a manifest": ("apiVersion: den.trueup.dev/v1\nkind: Connection\n", "1:1", "E107", "another name"),
    "a password": ("ledger: postgresql://me:hunter2@h/db\n", "1:9", "E140", "TRUEUP_LEDGER"),
    "a service": ("ledger: postgresql://h/db?passfile=/x\n", "1:9", "E140", "TRUEUP_LEDGER"),
    "another host": ("ledger: postgresql://h/db?host=evil\n", "1:9", "E140", "TRUEUP_LEDGER"),
    "another database": ("ledger: mysql://h/db\n", "1:9", "E140", "TRUEUP_LEDGER"),
    "a token": ("token: hunter2hunter2\n", "1:1", "E101", "Known keys are"),
    "broken": ("stack: [\n", "2:1", "E110", ""),
}


@pytest.mark.parametrize("case", ROWS)
def test_what_is_wrong_with_trueup_yaml(case: str, folder: Path) -> None:
    content, place, code, hint = ROWS[case]
    (folder / "trueup.yaml").write_text(content)
    with pytest.raises(ManifestError) as caught:
        set_in(".")
    found = caught.value.faults[0]
    assert (f"{found.line}:{found.column}", found.code, found.file) == (place, code, "trueup.yaml")
    assert hint in found.hint
    done = inside("plan")
    assert done.returncode == 1
    assert f"trueup.yaml:{place}: error[{code}]" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_no_password_goes_to_a_host_that_a_repository_names(folder: Path) -> None:
    (folder / "trueup.yaml").write_text("stack: a\nledger: postgresql://h.example.com/db?sslmode=require\n")
    assert set_in(".") is not None
    done = inside("plan", PGPASSWORD="hunter2")
    assert done.returncode == 1
    assert "PGPASSWORD" in done.stderr


def test_several_sets_at_once_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "other" / "trueup.yaml").write_text("stack: team-b\n")
    done = inside("plan", "-f", ".", "-f", "other")
    assert done.returncode == 1
    assert "several sets" in done.stderr


@pytest.mark.parametrize(("outer", "inner"), [("", "b"), ("stack: a\n", "b"), ("stack: a\n", "a"), ("", "[")])
@pytest.mark.parametrize("paths", [(), ("-f", "."), ("-f", "*")])
def test_a_set_inside_of_another(paths: tuple[str, ...], outer: str, inner: str, folder: Path) -> None:
    (folder / "trueup.yaml").write_text(outer or "parallelism: 2\n")
    (folder / "other" / "broken.yaml").unlink()
    (folder / "other" / "trueup.yaml").write_text(f"stack: {inner}\n")
    (folder / "other" / "x.yaml").write_text(
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: x}\n"
        "spec: {remoteId: x, displayName: x}\n"
    )
    stack = () if paths != ("-f", "*") or not outer else ("--stack", "a")  # only a folder brings its set along
    apart = "stack: a" not in outer or inner != "a"
    for words in (("plan",), ("plan", "--prune"), ("apply", "--auto-approve"), ("drift",)):
        done = inside(*words, *paths, *stack)
        assert (done.returncode == 1 and "other/trueup.yaml" in done.stderr) is apart or words[-1] == "--prune", words
    if inner == "b":
        done = inside("plan", *paths, *stack)
        assert "error[E126]: this folder is the set" in done.stderr
        assert inside("plan", "-f", "other").returncode == 0
        assert inside("plan", "-f", "other", "--stack", "c").returncode == 0, "an option outranks the file"
    assert inside("validate", *paths).returncode == 0


@pytest.mark.parametrize("name", ["a b", "-a", "a/b", "ä"])
def test_names_that_are_none(name: str, folder: Path) -> None:
    done = inside("plan", f"--stack={name}")
    assert done.returncode == 1
    assert "is not a valid name" in done.stderr


def test_an_intent_of_an_older_version_has_no_set() -> None:
    from dataclasses import asdict

    from trueup.ledger import rows

    old = {key: value for key, value in asdict(Record("s", "i", "a")).items() if key != "stack"}
    assert rows._record(old).stack == ""
    assert re.search("stack", json.dumps(rows._plain(Record("s", "i", "a", stack="x"))))
