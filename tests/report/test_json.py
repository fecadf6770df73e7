"""The plan as JSON: Terraform's names, every declared resource, the same text for the same plan, and no secret."""

from __future__ import annotations

import json
from typing import Any

from declare import instance
from plans import (
    ACCOUNT,
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

from trueup.core.secrets import Secret
from trueup.engine.plan import Plan
from trueup.report import json as report
from trueup.report import text
from trueup.report.page import Page


def parsed(plan: Plan) -> Any:
    return json.loads(report.render(plan))


def changes(plan: Plan) -> dict[str, Any]:
    return {one["name"]: one for one in parsed(plan)["resource_changes"]}


def test_it_names_the_steps_in_their_order_and_then_what_is_in_sync() -> None:
    plan = sample()
    document = parsed(plan)
    assert document["format_version"] == "1.2"
    addresses = [one["address"] for one in document["resource_changes"]]
    assert addresses[:4] == [str(step.address) for step in plan.steps]
    assert addresses[4:] == ["den/ConnectorAccount/acme", "den/ConnectorInstance/pricing"]
    shown = text.render(plan, Page())
    assert sorted(addresses[:4], key=shown.index) == addresses[:4]
    assert {one["name"]: one["change"]["actions"] for one in document["resource_changes"]} == {
        "acme": ["no-op"],
        "docs": ["update"],
        "handbook": ["create"],
        "legacy": ["no-op"],
        "pricing": ["no-op"],
        "crm": ["no-op"],
    }


def test_totals() -> None:
    document = parsed(sample())
    assert document["summary"] == {
        "create": 1,
        "update": 1,
        "replace": 0,
        "delete": 0,
        "unchanged": 2,
        "unverifiable": 1,
        "unmanaged": 1,
        "refused": 1,
    }
    assert document["cost"] == {"requests": 7, "seconds": 0.0}
    assert document["reading"] == {"requests": 12, "seconds": 4.3, "left": 588, "window": 600}
    assert [(one["name"], one["id"]) for one in document["unmanaged"]] == [("stray", "cin_stray")]
    assert document["errored"] is False


def test_a_change_holds_what_is_ours_and_nothing_else() -> None:
    docs = changes(sample())["docs"]
    assert docs["change"] == {
        "actions": ["update"],
        "before": {
            "connectorAccount": ACCOUNT,
            "name": "docs",
            "status": "disabled",
            "config": {"branch": "main", "depth": 3},
        },
        "after": {
            "connectorAccount": ACCOUNT,
            "name": "docs",
            "status": "active",
            "config": {"branch": "release", "depth": 3},
        },
        "after_unknown": {},
        "before_sensitive": {},
        "after_sensitive": {},
    }
    assert docs["verbs"] == ["patch", "enable"]
    assert docs["where"] == {"file": "docs.yaml", "line": 1}
    assert [(one["path"], one["before"], one["after"]) for one in docs["changes"]] == [
        ("status", "disabled", "active"),
        ("config.branch", "main", "release"),
    ]
    assert (docs["type"], docs["provider_name"], docs["connection"]) == ("ConnectorInstance", "den", "default")


def test_what_is_in_sync_is_the_same_on_both_sides() -> None:
    change = changes(sample())["pricing"]["change"]
    assert change["before"] == {"connectorAccount": ACCOUNT, "name": "pricing", "status": "active"}
    assert change["after"] == change["before"]


def test_what_is_known_only_later_is_unknown_and_not_null() -> None:
    docs = changes(planned([account(), instance("docs")], []))["docs"]
    assert docs["change"]["before"] is None
    assert docs["change"]["before_sensitive"] is False
    assert docs["change"]["after"] == {"name": "docs"}
    assert docs["change"]["after_unknown"] == {"connectorAccount": True}
    assert docs["needs"] == ["den/ConnectorAccount/acme"]
    assert {"path": "connectorAccount", "after_unknown": True}.items() <= docs["changes"][0].items()


def test_a_refused_step_changes_nothing_and_says_why_and_what_was_declared() -> None:
    legacy = changes(sample())["legacy"]
    assert legacy["change"]["actions"] == ["no-op"]
    assert legacy["refused"].startswith("an instance cannot change its account")
    assert legacy["error"] is False
    assert legacy["change"]["before"] == legacy["change"]["after"]
    assert legacy["change"]["before"]["connectorAccount"] == ACCOUNT
    assert legacy["declared"]["connectorAccount"] == "cac_01m8000000000000000000beta"
    assert [one["path"] for one in legacy["changes"]] == ["connectorAccount"]


def test_a_step_that_asks_for_what_cannot_be_is_an_error() -> None:
    document = parsed(planned([crm()], []))
    assert document["errored"] is True
    assert document["resource_changes"][0]["error"] is True
    assert document["resource_changes"][0]["change"]["after"] is None
    assert document["resource_changes"][0]["declared"]["name"] == "crm"


def test_secrets_are_left_out_on_both_sides_and_masked_in_place() -> None:
    plan = planned(
        [
            account(),
            instance("docs", config={"token": Secret(PASSWORD), "list": ["x", Secret(PASSWORD)], "note": PASSWORD}),
            crm(username="reader-of-the-crm", password=Secret(PASSWORD)),
        ],
        [
            live_account(),
            live_instance("docs", config={"token": OLD_PASSWORD, "list": ["x", OLD_PASSWORD]}),
            live_connector(
                "crm",
                dataLoaderConfig={
                    "source": "mongodb",
                    "batchSize": 50,
                    "auth": {"username": "another-reader", "password": OLD_PASSWORD},
                },
            ),
        ],
    )
    text = report.render(plan)
    for secret in (PASSWORD, OLD_PASSWORD, "reader-of-the-crm", "another-reader"):
        assert secret not in text
    found = {name: one["change"] for name, one in changes(plan).items()}
    assert found["docs"]["before"]["config"] == {"token": "(sensitive)", "list": ["x", "(sensitive)"]}
    assert found["docs"]["after"]["config"]["note"] == "(sensitive)"  # a known secret in the clear, somewhere else
    for side in ("before_sensitive", "after_sensitive"):
        assert found["docs"][side] == {"config": {"token": True, "list": [False, True]}}
        assert found["crm"][side] == {"dataLoaderConfig": {"auth": {"username": True, "password": True}}}


def test_what_cannot_be_read_is_absent_and_named() -> None:
    found = changes(sample())["crm"]
    assert found["change"]["before"]["dataLoaderConfig"] == {"source": "mongodb", "batchSize": 50, "auth": {}}
    assert [one["path"] for one in found["unverifiable"]] == ["dataLoaderConfig.auth.password"]
    assert found["unverifiable"][0]["why"].startswith("cannot be read back")


def test_equal_plans_are_equal_texts_whatever_the_order_of_what_is_live() -> None:
    lives = [live_account(), *(live_instance(f"stray-{number}") for number in range(4))]
    wanted = [account(), instance("one"), instance("two")]
    plan, other = planned(wanted, lives), planned(wanted, lives[::-1])
    assert [live.name for _, live in plan.unmanaged] != [live.name for _, live in other.unmanaged]
    assert [one["name"] for one in parsed(plan)["unmanaged"]] == [f"stray-{number}" for number in range(4)]
    assert report.render(plan) == report.render(other)


def test_no_terminal_and_no_locale_can_stumble_over_it() -> None:
    odd = live_instance("docs", config={"branch": "\x1b[31m\u202eé\ud800", "number": float("nan")})
    plan = planned([account(), instance("docs", config={"branch": "main", "number": 1})], [live_account(), odd])
    text = report.render(plan)
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert json.loads(text)["resource_changes"][0]["change"]["before"]["config"]["number"] == "nan"
