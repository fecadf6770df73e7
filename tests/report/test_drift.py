"""Drift as text and JSON: declared and live value, the place, when it was touched, and what is no drift."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from declare import instance
from plans import (
    OLD_PASSWORD,
    PASSWORD,
    account,
    crm,
    live_account,
    live_connector,
    live_instance,
    planned,
    sample,
)
from rich.cells import cell_len

from trueup.core.secrets import Secret
from trueup.engine.plan import Plan
from trueup.report import drift
from trueup.report.page import Page
from trueup.report.when import ago, lasting

NOW = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)


def healing(target: str | None) -> str:
    return f"trueup apply --target {target}" if target else "trueup apply"


def shown(plan: Plan, width: int = 100) -> str:
    return drift.render(drift.Drift(plan, NOW, healing), Page(width))


def parsed(plan: Plan) -> Any:
    return json.loads(drift.render_json(drift.Drift(plan, NOW, healing)))


def test_the_answer_comes_first_and_the_count_last() -> None:
    found = shown(sample()).splitlines()
    assert found[0] == "3 of 6 drifted, 09:14 UTC."
    assert found[-1].startswith("Drift: 2 in sync, 3 drifted, 1 unverifiable of 6 declared. 1 unmanaged. 12 requests")
    assert found[-2] == "Next: trueup apply"


def test_each_difference_names_both_values_the_place_and_the_time() -> None:
    text = shown(sample(), 120)
    assert "~ den/ConnectorInstance/docs" in text
    assert "updated 23 min ago (08:51 UTC)" in text
    (status,) = [line for line in text.splitlines() if "declared active, live disabled" in line]
    assert status.endswith("docs.yaml:1")
    assert 'declared "release", live "main"' in text
    assert "      -> trueup apply --target den/ConnectorInstance/docs" in text.splitlines()


def test_what_is_missing_and_what_cannot_be_healed() -> None:
    text = shown(sample())
    assert "- den/ConnectorInstance/handbook  declared, but missing" in text
    assert "not changed by trueup apply: an instance cannot change its account" in text
    assert "--target den/ConnectorInstance/legacy" not in text


def test_what_was_never_sent_from_here_is_no_drift() -> None:
    hidden = frozenset({("dataLoaderConfig", "auth", "password")})
    live = live_connector("crm", hidden, dataLoaderConfig={"source": "mongodb", "batchSize": 50, "auth": {}})
    plan = planned([crm()], [live])
    assert plan.has_changes
    assert not plan.has_drift
    document = parsed(plan)
    assert document["drifted"] is False
    assert document["resource_drift"] == []
    assert document["summary"] == {"declared": 1, "drifted": 0, "unchanged": 0, "unverifiable": 1, "unmanaged": 0}
    (field,) = document["unverifiable"][0]["fields"]
    assert field == {
        "path": "dataLoaderConfig.auth.password",
        "why": "cannot be read back; not sent from this ledger yet",
        "code": "never-sent",
    }
    text = shown(plan)
    assert text.startswith("No drift as far as can be read: 0 of 1 in sync, 09:14 UTC.")
    assert "dataLoaderConfig.auth.password: cannot be read back" in text


def test_json_goes_from_what_was_declared_to_what_is_live() -> None:
    found = {one["name"]: one for one in parsed(sample())["resource_drift"]}
    assert sorted(found) == ["docs", "handbook", "legacy"]
    assert found["docs"]["change"]["actions"] == ["update"]
    assert found["docs"]["change"]["before"]["status"] == "active"
    assert found["docs"]["change"]["after"]["status"] == "disabled"
    assert found["docs"]["updated_at"] == "2026-11-22T08:51:00.000Z"
    assert found["docs"]["differences"][0] == {
        "path": "status",
        "where": {"file": "docs.yaml", "line": 1},
        "sensitive": False,
        "declared": "active",
        "live": "disabled",
    }
    assert found["handbook"]["change"]["actions"] == ["delete"]
    assert found["handbook"]["change"]["after"] is None
    assert "refused" in found["legacy"]
    assert parsed(sample())["checked_at"] == "2026-11-22T09:14:00Z"


def test_silence_when_nothing_drifted() -> None:
    plan = planned([account(), instance("docs")], [live_account(), live_instance("docs")])
    assert shown(plan) == "In sync: 2 of 2. 12 requests, 4.3 s."
    assert parsed(plan)["drifted"] is False


def test_many_drifted_ones_share_one_command() -> None:
    plan = planned(
        [account(), *(instance(f"i{number}", status="active") for number in range(20))],
        [live_account(), *(live_instance(f"i{number}", status="disabled") for number in range(20))],
    )
    assert "--target" not in shown(plan)
    assert "Next: trueup apply" in shown(plan).splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_fits_the_page_and_tells_values_whole(width: int) -> None:
    long = instance("docs", config={"text": "declared-words " * 9, "token": Secret(PASSWORD)})
    live = live_instance("docs", config={"text": "live words " * 9, "token": OLD_PASSWORD})
    found = shown(planned([account(), long], [live_account(), live]), width).splitlines()
    found = [line for line in found if "-> trueup " not in line and "Next: " not in line]  # commands stay whole
    assert max(map(cell_len, found)) <= width
    assert "\n".join(found).count("declared-words") == 9
    assert "(sensitive) differs" in "\n".join(found)


def test_a_part_of_what_is_live_says_nothing_of_what_is_declared_nowhere() -> None:
    plan = replace(sample(), whole=False)
    assert "nmanaged" not in shown(plan)


def test_secrets_only_differ() -> None:
    plan = planned(
        [account(), instance("docs", config={"token": Secret(PASSWORD)})],
        [live_account(), live_instance("docs", config={"token": OLD_PASSWORD})],
    )
    assert "(sensitive) differs" in shown(plan)
    for text in (shown(plan), drift.render_json(drift.Drift(plan, NOW, healing))):
        assert PASSWORD not in text
        assert OLD_PASSWORD not in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (4.25, "4.2 s"),
        (47, "47 s"),
        (90, "2 min"),
        (3600, "60 min"),
        (7200, "2 h"),
        (7500, "2 h 5 min"),
        (3 * 86400, "3 days"),
    ],
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    assert lasting(seconds) == words


@pytest.mark.parametrize(
    ("stamp", "words"),
    [
        ("2026-11-22T08:51:00.123Z", "23 min ago (08:51 UTC)"),
        ("2026-11-21T08:51:00Z", "24 h 23 min ago (2026-11-21 08:51 UTC)"),
        ("2026-11-22T09:13:59.9Z", "just now (09:13 UTC)"),
        ("2026-11-22T10:00:00+01:00", "14 min ago (09:00 UTC)"),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_when_it_was_touched(stamp: str | None, words: str) -> None:
    assert ago(stamp, NOW) == words


def test_what_is_refused_without_a_difference_of_its_own_has_a_place() -> None:
    plan = sample()
    (refused,) = [step for step in plan.steps if step.action == "refuse" and step.live is not None]
    untouched = replace(refused, changes=(), live=replace(refused.live, updated_at=None))  # type: ignore[type-var]
    steps = tuple(untouched if step is refused else step for step in plan.steps)
    (row,) = [line for line in shown(replace(plan, steps=steps)).splitlines() if f"! {refused.address}" in line]
    assert row.endswith(str(refused.declared.place))
