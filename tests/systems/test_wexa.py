"""Wexa's connectors over real HTTP, under every switch for what is unknown: never a loop, never a false "in sync"."""

from __future__ import annotations

from typing import Any

import pytest
from crm import CRM, PASSWORD, crm, writes
from crm import password as password
from declare import account, connector
from world import CONNECTORS, World, actions, changed, results

from trueup.core.values import Live
from trueup.report.reasons import worded
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT
from trueup.systems.wexa import answers
from trueup.transport import Answer


def stored(world: World) -> Any:
    return world.row(CONNECTORS, connectorID=CRM)


CONFIGS = ["clear", "masked", "renamed", "absent"]
STATUSES: list[Any] = ["echo", {"active": "ready", "inactive": "stopped"}]
CASES = [
    pytest.param(
        config, place, statuses, ledger, id=f"{config}-{place}-{'echo' if statuses == 'echo' else 'other'}-{ledger}"
    )
    for config in CONFIGS
    for place in ("config", "beside")
    for statuses in STATUSES
    for ledger in ("ledger", "off")
]


@pytest.mark.parametrize(("config", "place", "statuses", "ledger"), CASES)
async def test_a_second_apply_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, config: str, place: str, statuses: Any, ledger: str
) -> None:
    if ledger == "off":
        monkeypatch.setenv("TRUEUP_LEDGER", "off")
    world.switch(config=config, place=place, statuses=statuses)
    first = await world.apply(crm())
    assert first.exit_code == 0
    assert writes(world) == 1
    assert (stored(world)["status"], stored(world)["data_loader_config"]["batch_size"]) == ("active", 50)
    assert stored(world)["data_loader_config"]["auth"]["password"] == PASSWORD
    for _ in range(2):
        assert (await world.apply(crm())).exit_code == 0
    assert writes(world) == 1, "never a loop"
    plan = await world.plan(crm())
    readable = config in ("clear", "renamed")
    heard = statuses == "echo" or ledger == "ledger"
    assert plan.unverifiable == (0 if readable and heard else 1), "and never in sync where it cannot be known"
    assert not plan.has_drift


@pytest.mark.parametrize(("config", "place", "statuses", "ledger"), CASES)
async def test_what_a_person_changes_is_seen_or_said_to_be_out_of_sight(
    world: World, monkeypatch: pytest.MonkeyPatch, config: str, place: str, statuses: Any, ledger: str
) -> None:
    if ledger == "off":
        monkeypatch.setenv("TRUEUP_LEDGER", "off")
    world.switch(config=config, place=place, statuses=statuses)
    await world.apply(crm())
    loader = {**stored(world)["data_loader_config"], "batch_size": 51}
    world.upstream("config-changed", system="wexa", connectorID=CRM, data_loader_config=loader)
    plan = await world.plan(crm())
    if config == "absent":
        assert plan.unverifiable == 1
    else:
        assert changed(plan) == {"dataLoaderConfig.batchSize": (51, 50)}
        assert (await world.apply(crm())).exit_code == 0
        assert stored(world)["data_loader_config"]["batch_size"] == 50


@pytest.mark.parametrize("ledger", ["ledger", "off"])
@pytest.mark.parametrize("config", CONFIGS)
async def test_a_connector_switched_off_by_a_person_is_switched_on_again(
    world: World, monkeypatch: pytest.MonkeyPatch, config: str, ledger: str
) -> None:
    if ledger == "off":
        monkeypatch.setenv("TRUEUP_LEDGER", "off")
    world.switch(config=config)
    await world.apply(crm())
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="inactive")
    plan = await world.plan(crm())
    assert plan.has_drift
    assert changed(plan)["status"] == ("inactive", "active")
    assert (await world.apply(crm())).exit_code == 0
    assert stored(world)["status"] == "active"
    assert stored(world)["data_loader_config"]["auth"]["password"] == PASSWORD


@pytest.mark.parametrize("config", CONFIGS)
async def test_a_changed_secret_is_sent_even_where_it_cannot_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    world.switch(config=config)
    await world.apply(crm())
    monkeypatch.setenv("CRM_PASSWORD", "another one altogether")
    plan = await world.plan(crm())
    assert list(changed(plan)) == ["dataLoaderConfig.auth.password"]
    await world.apply(crm())
    assert stored(world)["data_loader_config"]["auth"]["password"] == "another one altogether"
    assert await world.in_sync(crm())


async def test_without_a_ledger_a_secret_that_reads_otherwise_may_be_stored_in_another_form(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    world.switch(statuses="echo")
    await world.apply(crm())
    monkeypatch.setenv("CRM_PASSWORD", "another one altogether")
    plan = await world.plan(crm())
    assert (plan.has_changes, plan.unverifiable) == (False, 1)
    await world.apply(crm(), resend=True)
    assert stored(world)["data_loader_config"]["auth"]["password"] == "another one altogether"


@pytest.mark.parametrize("ledger", ["ledger", "off"])
@pytest.mark.parametrize("config", ["masked", "absent"])
async def test_resend_sends_what_cannot_be_verified_once_for_each_time_it_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, config: str, ledger: str
) -> None:
    if ledger == "off":
        monkeypatch.setenv("TRUEUP_LEDGER", "off")
    world.switch(config=config)
    await world.apply(crm())
    assert writes(world) == 1
    assert (await world.apply(crm(), resend=True)).exit_code == 0
    assert writes(world) == 2
    await world.apply(crm())
    assert writes(world) == 2


@pytest.mark.parametrize("config", ["clear", "renamed"])
async def test_resend_leaves_what_is_in_sync_alone(world: World, config: str) -> None:
    world.switch(config=config, statuses="echo")
    await world.apply(crm())
    await world.apply(crm(), resend=True)
    assert writes(world) == 1


async def test_without_a_ledger_what_cannot_be_read_is_not_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_LEDGER", "off")
    world.switch(config="absent", statuses="echo")
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="active")
    plan = await world.plan(crm())
    assert (actions(plan), plan.unverifiable, plan.has_changes) == ({"crm": "no-op"}, 1, False)
    assert plan.off


async def test_what_was_never_sent_from_here_is_no_drift(world: World) -> None:
    world.switch(config="absent", statuses="echo")
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="active")
    plan = await world.plan(crm())
    assert (actions(plan), plan.has_drift) == ({"crm": "update"}, False)


async def test_a_value_that_reads_back_in_another_form_is_learned_and_not_fought(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that stores `MONGODB` for `mongodb` says it in its own way, as a second write shows."""
    real = answers.add_config

    def loud(live: Live, answer: Answer) -> None:
        real(live, answer)
        config = live.spec["dataLoaderConfig"]
        config["source"] = config.get("source", "").upper()

    monkeypatch.setattr(answers, "add_config", loud)
    world.switch(statuses="echo")
    report = await world.apply(crm())
    assert (results(report), report.exit_code) == ({"crm": "done"}, 0)
    assert not report.outcomes[0].verified
    sent = writes(world)
    assert sent <= 2
    assert await world.in_sync(crm())
    await world.apply(crm())
    assert writes(world) == sent
    loader = {**stored(world)["data_loader_config"], "source": "postgresql"}
    world.upstream("config-changed", system="wexa", connectorID=CRM, data_loader_config=loader)
    assert list(changed(await world.plan(crm()))) == ["dataLoaderConfig.source"]


# A status on its way


async def test_a_pending_status_is_on_its_way_and_neither_learned_nor_rewritten(world: World) -> None:
    world.switch(settle=300)
    report = await world.apply(crm())
    assert report.exit_code == 0
    assert not report.outcomes[0].verified
    for _ in range(2):
        plan = await world.plan(crm())
        assert (actions(plan), plan.unverifiable) == ({"crm": "no-op"}, 1)
        assert "on the way" in worded(plan.steps[0].unverifiable[0].why)
    await world.clock.sleep(301)
    assert await world.in_sync(crm()), "it has settled, and this is how the server says it"
    assert (await world.plan(crm())).unverifiable == 0
    assert writes(world) == 1


async def test_a_status_that_settles_into_the_wrong_word_is_drift(world: World) -> None:
    world.switch(settle=300, statuses={"active": "inactive"})
    await world.apply(crm())
    await world.clock.sleep(301)
    plan = await world.plan(crm())
    assert changed(plan) == {"status": ("inactive", "active")}


async def test_a_pending_status_that_nobody_here_wrote_is_a_difference(world: World) -> None:
    plan = await world.plan(crm())
    assert changed(plan)["status"] == ("pending", "active")
    assert plan.has_drift


@pytest.mark.parametrize("settle", [0, 300])
async def test_a_failed_status_is_neither_learned_nor_written_again(world: World, settle: int) -> None:
    world.switch(statuses={"active": "failed"}, settle=settle)
    report = await world.apply(crm())
    assert not report.outcomes[0].verified
    await world.clock.sleep(301)
    for _ in range(3):
        plan = await world.plan(crm())
        assert (actions(plan), plan.unverifiable) == ({"crm": "no-op"}, 1)
        assert "failed" in worded(plan.steps[0].unverifiable[0].why)
        await world.apply(crm())
    assert writes(world) == 1
    await world.apply(crm(), resend=True)
    assert writes(world) == 2


async def test_a_learned_word_that_changes_to_failed_is_told(world: World) -> None:
    await world.apply(crm())
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="failed")
    plan = await world.plan(crm())
    assert plan.unverifiable == 1
    assert "failed" in worded(plan.steps[0].unverifiable[0].why)


async def test_another_status_declared_is_written_whatever_was_learned(world: World) -> None:
    await world.apply(crm())
    assert (await world.apply(crm("inactive"))).exit_code == 0
    assert stored(world)["status"] == "inactive"
    assert (await world.apply(crm("active"))).exit_code == 0
    assert stored(world)["status"] == "active"
    assert await world.in_sync(crm())


# What is refused


async def test_without_configuration_a_connector_is_only_observed(world: World) -> None:
    wanted = connector("crm", DEMO_PROJECT, status="active")
    plan = await world.plan(wanted)
    assert actions(plan) == {"crm": "refuse"}
    assert "dataLoaderConfig" in worded(plan.steps[0].why)
    report = await world.apply(wanted)
    assert (report.exit_code, writes(world)) == (3, 0)
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="active")
    plan = await world.plan(wanted)
    assert (actions(plan), plan.unverifiable) == ({"crm": "no-op"}, 1), "it reads ready, which may be active"
    world.switch(statuses="echo")
    assert (await world.plan(wanted)).steps == ()


async def test_a_missing_connector_is_an_error_with_near_names(world: World) -> None:
    report = await world.apply(connector("cmr", DEMO_PROJECT, status="active"))
    (outcome,) = report.outcomes
    assert (outcome.result, report.exit_code) == ("refused", 1)
    assert "crm" in worded(outcome.step.why)


async def test_two_connectors_of_one_name_have_to_be_told_apart(world: World) -> None:
    world.upstream("connector-renamed", system="wexa", connectorID=DEMO_CONNECTORS["events"], sourceName="crm")
    plan = await world.plan(crm())
    assert actions(plan) == {"crm": "refuse"}
    assert CRM in worded(plan.steps[0].why)
    by_id = connector("crm", DEMO_PROJECT, connectorId=CRM, status="pending")
    assert await world.in_sync(by_id)


async def test_a_config_without_status_keeps_the_live_one(world: World) -> None:
    world.switch(statuses="echo")
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="inactive")
    assert (await world.apply(crm(None))).exit_code == 0
    assert stored(world)["status"] == "inactive"


async def test_a_config_without_status_is_refused_where_the_live_one_cannot_be_written(world: World) -> None:
    world.upstream("status-changed", system="wexa", connectorID=CRM, status="ready")
    plan = await world.plan(crm(None))
    assert actions(plan) == {"crm": "refuse"}


# Failures


async def test_a_failure_with_200_is_a_failure(world: World) -> None:
    world.switch(failure200=True)
    report = await world.apply(crm())
    assert (results(report), report.exit_code) == ({"crm": "failed"}, 1)
    assert "could not be made" in str(report.outcomes[0].error)
    world.switch()
    assert (await world.apply(crm())).exit_code == 0


async def test_what_failed_is_not_remembered_as_sent(world: World) -> None:
    world.switch(failure200=True, config="absent")
    await world.apply(crm())
    world.switch(config="absent")
    plan = await world.plan(crm())
    assert plan.has_changes
    await world.apply(crm())
    assert stored(world)["status"] == "active"


async def test_a_failed_read_is_an_error_and_not_an_absence(world: World) -> None:
    world.fault(system="wexa", route="/connectors/{projectID}", status=404, body={"detail": "Project not found"})
    with pytest.raises(Exception, match="404"):
        await world.plan(crm())


async def test_systems_are_reached_side_by_side(world: World) -> None:
    report = await world.apply(crm(), account())
    assert results(report) == {"crm": "done", "acme": "done"}


# Nothing secret gets out


@pytest.mark.parametrize("config", CONFIGS)
async def test_no_secret_is_in_anything_that_could_be_shown(
    world: World, monkeypatch: pytest.MonkeyPatch, config: str
) -> None:
    world.switch(config=config)
    theirs = {"source": "mongodb", "batch_size": 1, "auth": {"username": "root", "password": "their-own-password"}}
    world.upstream("config-changed", system="wexa", connectorID=CRM, data_loader_config=theirs)
    async with world.session(crm()) as session:
        plan = await session.plan()
        report = await session.apply(plan)
        monkeypatch.setenv("CRM_PASSWORD", "new-password")
        again = await session.plan()
    shown = "\n".join([repr(plan), repr(report), repr(again), repr(session), world.progress.said])
    assert world.sandbox.ready["wexa"]["apiKey"] not in shown
    for secret in (PASSWORD, "their-own-password", "new-password"):
        assert secret not in shown
    ledger = b"".join(path.read_bytes() for path in world.folder.iterdir())
    for secret in (PASSWORD, "their-own-password", "new-password", "reader", "mongodb"):
        assert secret.encode() not in ledger
