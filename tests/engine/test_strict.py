"""`--strict`: what is live of declared resources and declared nowhere is named, and never shown."""

from __future__ import annotations

from commands import inside, parsed
from declare import account, instance, target
from world import World

from trueup.engine.options import SystemClock
from trueup.report import drift, json, text
from trueup.report.page import Page

TOKEN = "ghp_abcdefghijklmnop0123456789"


async def test_what_nobody_declared_is_named_and_not_shown(world: World) -> None:
    wanted = [account(), instance("docs", config={"branch": "main"}), target("main", config={"branch": "main"})]
    await world.apply(*wanted)
    world.person("docs", config={"branch": "main", "deep": {"token": TOKEN}}, remoteId="acme/docs")
    assert (await world.plan(*wanted)).undeclared == {}
    plan = await world.plan(*wanted, strict=True)
    assert not plan.has_changes
    shown = text.render(plan, Page())
    assert "not declared: remoteId, status, config.deep" in shown
    assert TOKEN not in shown
    document = json.render(plan)
    assert '"undeclared": ["remoteId", "status", "config.deep"]' in document
    assert TOKEN not in document
    report = drift.render(drift.Drift(plan, SystemClock().now(), lambda _: ""), Page())
    assert "config.deep" in report
    assert TOKEN not in report
    assert not plan.has_drift


async def test_what_stands_at_its_default_is_not_worth_a_word(world: World) -> None:
    wanted = [account(), instance("docs")]
    await world.apply(*wanted)
    plan = await world.plan(*wanted, strict=True)
    assert {address.name: [path[0] for path in paths] for address, paths in plan.undeclared.items()} == {
        "docs": ["status"]
    }


def test_the_option_is_there(world: World) -> None:
    world.folder.parent.joinpath("a.yaml").write_text(
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme-archive}\n"
        "spec: {remoteId: '1002', displayName: acme-archive}\n"
    )
    where = ("-f", str(world.folder.parent), "--state", str(world.folder), "--strict")
    assert parsed(inside("plan", *where, "-o", "json"))["summary"]["unchanged"] == 1
    assert inside("drift", *where).returncode == 0
