"""The plan: declared against live and remembered, without a server. Every difference is told, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from declare import DEN, account, declared, everywhere, instance
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import actions, changed

from trueup.core.changes import MISSING, UNKNOWN
from trueup.core.kinds import Declared
from trueup.core.progress import OTHER, PAGE, Pace
from trueup.core.records import Record
from trueup.core.secrets import REDACTED, Secret, fingerprint
from trueup.core.values import ConnectionId, Listing, ListKey, Live
from trueup.engine.plan import Budget, Facts, Inputs, Plan, Policy, Reading, by_reference
from trueup.engine.plan import plan as planned
from trueup.report.reasons import worded
from trueup.systems.den import connector_account, connector_instance

KEY = b"k" * 32
ACCOUNTS = ListKey("den", "default", "ConnectorAccount")
INSTANCES = ListKey("den", "default", "ConnectorInstance")
STAMP = "2026-01-01T00:00:00.000Z"


def live_account(identity: str = "cac_1", **fields: Any) -> Live:
    item = {"id": identity, "connectorType": "github", "remoteId": "1001", "displayName": "acme", **fields}
    return connector_account._live({"externalAccountRef": None, "metadata": None, "updatedAt": STAMP, **item})


def live_instance(name: str = "docs", identity: str = "", **fields: Any) -> Live:
    item = {"id": identity or f"cin_{name}", "name": name, "connectorAccountId": "cac_1", "remoteId": None, **fields}
    return connector_instance._live({"status": "active", "instanceConfigJson": None, "updatedAt": STAMP, **item})


def plan(
    wanted: list[Declared],
    instances: list[Live] | None = None,
    accounts: list[Live] | None = None,
    *,
    records: dict[str, Record] | None = None,
    policy: Policy | None = None,
    facts: Facts | None = None,
) -> Plan:
    listings = {
        ACCOUNTS: Listing([live_account()] if accounts is None else accounts),
        INSTANCES: Listing(instances or []),
    }
    return planned(Inputs(wanted, listings, everywhere(records), policy or Policy()), facts)


def docs(**spec: Any) -> Declared:
    return instance("docs", **spec)


# One difference, one change

DIFFERENCES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, tuple[Any, Any]]]] = [
    ("nothing", {}, {}, {}),
    ("status", {"status": "disabled"}, {}, {"status": ("active", "disabled")}),
    ("status-error", {"status": "active"}, {"status": "error"}, {"status": ("error", "active")}),
    ("status-not-declared", {}, {"status": "archived"}, {}),
    ("remote", {"remoteId": "a/b"}, {"remoteId": "a/c"}, {"remoteId": ("a/c", "a/b")}),
    ("remote-null", {"remoteId": None}, {"remoteId": "a/c"}, {"remoteId": ("a/c", None)}),
    ("remote-not-declared", {}, {"remoteId": "a/c"}, {}),
    ("name-in-another-case", {"name": "Docs"}, {}, {"name": ("docs", "Docs")}),
    ("auto-absent-is-true", {"autoImportNewPlugins": True}, {}, {}),
    ("auto", {"autoImportNewPlugins": False}, {}, {"autoImportNewPlugins": (True, False)}),
    (
        "auto-off",
        {"autoImportNewPlugins": True},
        {"instanceConfigJson": {"autoImportNewPlugins": False}},
        {"autoImportNewPlugins": (False, True)},
    ),
    ("config-empty", {"config": {}}, {"instanceConfigJson": {"theirs": 1}}, {}),
    ("config-in-sync", {"config": {"a": 1}}, {"instanceConfigJson": {"a": 1, "theirs": 2}}, {}),
    ("config-missing", {"config": {"a": 1}}, {}, {"config.a": (MISSING, 1)}),
    ("config-value", {"config": {"a": 1}}, {"instanceConfigJson": {"a": 2}}, {"config.a": (2, 1)}),
    ("config-true-is-not-1", {"config": {"a": 1}}, {"instanceConfigJson": {"a": True}}, {"config.a": (True, 1)}),
    ("config-1-is-1.0", {"config": {"a": 1}}, {"instanceConfigJson": {"a": 1.0}}, {}),
    ("config-null-is-not-absent", {"config": {"a": None}}, {}, {"config.a": (MISSING, None)}),
    (
        "config-nested",
        {"config": {"a": {"b": {"c": 1}}}},
        {"instanceConfigJson": {"a": {"b": {"c": 2, "theirs": 1}, "theirs": 1}}},
        {"config.a.b.c": (2, 1)},
    ),
    ("config-nested-in-sync", {"config": {"a": {"b": 1}}}, {"instanceConfigJson": {"a": {"b": 1, "theirs": 1}}}, {}),
    (
        "config-list-is-whole",
        {"config": {"a": [1, 2]}},
        {"instanceConfigJson": {"a": [1, 2, 3]}},
        {"config.a": ([1, 2, 3], [1, 2])},
    ),
    (
        "config-mapping-for-a-text",
        {"config": {"a": {"b": 1}}},
        {"instanceConfigJson": {"a": "text"}},
        {"config.a": ("text", {"b": 1})},
    ),
    ("config-private-key", {"config": {"__a": 1}}, {"instanceConfigJson": {"__a": 2}}, {"config.__a": (2, 1)}),
    ("config-odd-key", {"config": {"a.b": 1}}, {"instanceConfigJson": {"a.b": 2}}, {'config["a.b"]': (2, 1)}),
    ("config-null", {"config": {"a": 1}}, {"instanceConfigJson": None}, {"config.a": (MISSING, 1)}),
]


@pytest.mark.parametrize(
    ("spec", "fields", "expected"), [case[1:] for case in DIFFERENCES], ids=[case[0] for case in DIFFERENCES]
)
def test_a_difference_of_an_instance(
    spec: dict[str, Any], fields: dict[str, Any], expected: dict[str, tuple[Any, Any]]
) -> None:
    found = plan([account(), docs(**spec)], [live_instance(**fields)])
    if expected:
        assert actions(found) == {"docs": "update"}
        assert changed(found) == expected
        assert found.has_drift
    else:
        assert found.steps == ()
        assert found.unchanged == 2


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"displayName": "Other"}, {"displayName"}),
        ({"externalAccountRef": "x"}, {"externalAccountRef"}),
        ({"metadata": {"a": 1}}, {"metadata.a"}),
        ({"displayName": "Other", "metadata": {"a": {"b": 1}}}, {"displayName", "metadata.a"}),
    ],
)
def test_an_account_that_differs_is_refused_and_explained(fields: dict[str, Any], names: set[str]) -> None:
    found = plan([account(**fields), docs(config={"a": 1})], [live_instance()])
    assert actions(found) == {"acme": "refuse", "docs": "update"}, "what refers to it goes on"
    refused = found.steps[0]
    assert {change.name for change in refused.changes} == names
    assert all(name in worded(refused.why) for name in names)
    assert "delete every instance" in worded(refused.why)
    assert refused.calls == ()
    assert not refused.error


def test_an_account_in_sync_by_the_declared_keys_of_its_metadata() -> None:
    live = live_account(metadata={"a": 1, "theirs": 2})
    assert plan([account(metadata={"a": 1})], accounts=[live]).steps == ()


def test_the_account_of_an_instance_cannot_change() -> None:
    found = plan([account(), docs(connectorAccount="cac_2", status="disabled")], [live_instance()])
    assert actions(found) == {"docs": "refuse"}
    assert "cannot change its account" in worded(found.steps[0].why)


def test_an_instance_of_an_account_still_to_be_made_cannot_move_there() -> None:
    found = plan([account("new", remoteId="2002"), docs(connectorAccount="new")], [live_instance()])
    assert actions(found) == {"new": "create", "docs": "refuse"}


# Creation


def test_what_is_missing_is_created_with_all_it_declares() -> None:
    wanted = docs(remoteId="a/b", status="disabled", config={"a": {"b": 1}, "c": []}, autoImportNewPlugins=False)
    found = plan([account(), wanted], accounts=[])
    assert actions(found) == {"acme": "create", "docs": "create"}
    step = found.steps[1]
    assert {change.name: change.after for change in step.changes} == {
        "connectorAccount": UNKNOWN,
        "name": "docs",
        "remoteId": "a/b",
        "status": "disabled",
        "config.a.b": 1,
        "config.c": [],
        "autoImportNewPlugins": False,
    }
    assert all(change.before is MISSING for change in step.changes)
    assert [call.verb for call in step.calls] == ["create", "disable"]
    assert step.needs == (found.steps[0].address,)


def test_an_active_instance_is_created_with_one_request() -> None:
    (step,) = plan([account(), docs(status="active")]).steps
    assert [call.verb for call in step.calls] == ["create"]
    assert step.needs == ()


def test_the_id_of_an_account_serves_as_reference() -> None:
    assert plan([docs(connectorAccount="cac_1")], [live_instance()]).steps == ()


def test_what_cannot_be_made_stops_what_needs_it() -> None:
    first, second = account("one"), account("two", displayName="acme")
    found = plan([first, second, docs(connectorAccount="two")], accounts=[live_account(displayName="one")])
    assert actions(found) == {"two": "refuse", "docs": "refuse"}
    assert "den/ConnectorAccount/two" in worded(found.steps[1].why)


def test_steps_come_behind_what_they_need_whatever_the_order_of_declaration() -> None:
    wanted = [docs(connectorAccount="b"), account("b", remoteId="2"), instance("x", connectorAccount="b")]
    assert [step.address.name for step in plan(wanted, accounts=[]).steps] == ["b", "docs", "x"]
    assert [one.address.name for one in by_reference(wanted)] == ["b", "docs", "x"], "and otherwise stay in order"


# Matching


@pytest.mark.parametrize("name", ["docs", "Docs", "DOCS"])
def test_names_match_whatever_their_case(name: str) -> None:
    found = plan([account(), instance("docs", name="docs")], [live_instance(name)])
    assert list(found.matched) == [account().address, docs().address]


def test_an_id_matches_whatever_the_name() -> None:
    live = live_instance("something-else", "cin_7")
    found = plan([account(), docs(id="cin_7")], [live])
    assert changed(found) == {"name": ("something-else", "docs")}


def test_an_id_that_is_not_there_is_an_error_and_not_a_creation() -> None:
    found = plan([account(), docs(id="cin_7")], [live_instance()])
    assert actions(found) == {"docs": "refuse"}
    assert found.steps[0].error
    assert "cin_7" in worded(found.steps[0].why)


def test_what_is_claimed_twice_is_refused_the_second_time() -> None:
    found = plan([account(), docs(), instance("again", name="Docs")], [live_instance()])
    assert actions(found) == {"again": "refuse"}
    assert str(docs().address) in worded(found.steps[0].why)


def test_two_live_ones_of_a_name_are_refused() -> None:
    found = plan([account(), docs()], [live_instance("docs", "cin_1"), live_instance("Docs", "cin_2")])
    assert actions(found) == {"docs": "refuse"}
    assert "cin_1, cin_2" in worded(found.steps[0].why)
    assert plan([account(), docs(id="cin_1")], [live_instance("docs", "cin_1")]).steps == ()


def test_what_nobody_declared_is_unmanaged() -> None:
    found = plan([account(), docs()], [live_instance(), live_instance("other")])
    assert [(place, live.name) for place, live in found.unmanaged] == [(INSTANCES, "other")]
    assert found.summary()["unmanaged"] == 1
    assert not found.has_changes


def test_only_a_complete_listing_tells_what_is_unmanaged() -> None:
    listings = {ACCOUNTS: Listing([live_account()]), INSTANCES: Listing([live_instance("other")], complete=False)}
    assert planned(Inputs([account(), docs()], listings)).unmanaged == ()


def test_two_connections_are_two_worlds() -> None:
    other = declared(DEN, "ConnectorAccount", "acme", "staging", remoteId="1001", displayName="acme")
    listings = {ACCOUNTS: Listing([live_account()]), ListKey("den", "staging", "ConnectorAccount"): Listing([])}
    found = planned(Inputs([account(), other], listings))
    assert [str(step.address) for step in found.steps] == ["den:staging/ConnectorAccount/acme"]


# What the ledger remembers


def record(*owned: list[str], written: dict[str, Any] | None = None, read_back: dict[str, Any] | None = None) -> Record:
    return Record(
        "den:x",
        "cin_docs",
        "den/ConnectorInstance/docs",
        owned=list(owned),
        written={name: fingerprint(KEY, value) for name, value in (written or {}).items()},
        read_back={name: fingerprint(KEY, value) for name, value in (read_back or {}).items()},
        at="2026-01-01T00:00:00Z",
    )


def remembered(wanted: Declared, live: Live, known: Record) -> Plan:
    return plan([account(), wanted], [live], records={live.id: known}, policy=Policy(KEY))


def test_a_key_of_ours_that_left_the_manifest_is_removed() -> None:
    live = live_instance(instanceConfigJson={"a": 1, "old": 2, "theirs": 3})
    found = remembered(docs(config={"a": 1}), live, record(["config", "a"], ["config", "old"]))
    assert changed(found) == {"config.old": (REDACTED, MISSING)}  # it may have been a secret
    assert found.steps[0].desired.removed == (("config", "old"),)


def test_a_nested_key_of_ours_that_left_the_manifest_is_removed_alone() -> None:
    live = live_instance(instanceConfigJson={"deep": {"a": 1, "old": 2, "theirs": 3}})
    found = remembered(docs(config={"deep": {"a": 1}}), live, record(["config", "deep", "old"]))
    assert changed(found) == {"config.deep.old": (REDACTED, MISSING)}


def test_a_key_of_ours_that_is_gone_already_is_no_change() -> None:
    assert remembered(docs(), live_instance(), record(["config", "old"])).steps == ()


def test_a_learned_value_is_in_sync_and_no_other_is() -> None:
    known = record(written={"remoteId": "Acme/Docs"}, read_back={"remoteId": "acme/docs"})
    wanted = docs(remoteId="Acme/Docs")
    assert remembered(wanted, live_instance(remoteId="acme/docs"), known).steps == ()
    assert changed(remembered(wanted, live_instance(remoteId="acme/x"), known)) == {"remoteId": ("acme/x", "Acme/Docs")}


def test_what_was_learned_is_not_sent_again_on_request() -> None:
    known = record(written={"remoteId": "Acme/Docs"}, read_back={"remoteId": "acme/docs"})
    live = live_instance(remoteId="acme/docs")
    wanted = [account(), docs(remoteId="Acme/Docs")]
    assert plan(wanted, [live], records={live.id: known}, policy=Policy(KEY, resend=True)).steps == ()


def test_what_was_learned_of_one_value_says_nothing_of_another() -> None:
    known = record(written={"remoteId": "Acme/Docs"}, read_back={"remoteId": "acme/docs"})
    found = remembered(docs(remoteId="Acme/New"), live_instance(remoteId="acme/docs"), known)
    assert changed(found) == {"remoteId": ("acme/docs", "Acme/New")}


def test_of_a_list_is_learned_once_how_the_server_says_it() -> None:
    known = record(written={"config.a": ["x ", "y ", "z"]})
    known.settling.append("config.a")
    wanted = docs(config={"a": ["x ", "y ", "z"]})
    found = remembered(wanted, live_instance(instanceConfigJson={"a": ["x", "y", "z"]}), known)
    assert [(one.path, one.read_back) for one in found.learned] == [("config.a", fingerprint(KEY, ["x", "y", "z"]))]
    assert found.steps == ()


# What it says of itself


def test_the_summary_counts_everything_once() -> None:
    wanted = [account(displayName="x"), docs(), instance("new"), instance("off", status="disabled")]
    found = plan(wanted, [live_instance(), live_instance("off"), live_instance("theirs")])
    assert found.summary() == {
        "create": 1,
        "update": 1,
        "replace": 0,
        "delete": 0,
        "unchanged": 1,
        "unverifiable": 0,
        "unmanaged": 1,
        "refused": 1,
    }


def test_secrets_are_dropped_as_the_change_is_made() -> None:
    found = plan([account(), docs(config={"a": Secret("hunter2"), "b": [Secret("hunter3")]})], [live_instance()])
    assert "hunter" not in repr(found)
    assert {change.name: change.sensitive for change in found.steps[0].changes} == {"config.a": True, "config.b": True}


def test_the_price_adds_calls_looks_and_waits() -> None:
    labels = [f"repo-{number}" for number in range(650)]
    wanted = [account(), *(instance(label, status="disabled") for label in labels)]
    lives = [live_instance(label) for label in labels]
    found = plan(wanted, lives, facts=Facts(reading=Reading(8, 0.8, left=592, window=600, silence=60.0)))
    assert found.cost.requests == 650 + 7 + 2  # a wait begins with a refusal, and a question why
    written = 650 * OTHER + 7 * PAGE
    assert found.cost.seconds == pytest.approx(written + 60, abs=0.06)
    found = plan(wanted, lives, facts=Facts(reading=Reading(requests=8, seconds=0.8)))
    assert found.cost.seconds == pytest.approx(written, abs=0.06)


def test_the_price_goes_by_what_was_measured_of_each_kind_of_call() -> None:
    labels = [f"repo-{number}" for number in range(100)]
    wanted = [account(), *(instance(label, status="disabled") for label in labels)]
    lives = [live_instance(label) for label in labels]

    def seconds(system: str, budget: Budget) -> float:
        facts = Facts(reading=Reading(requests=12, seconds=3.0), budgets={ConnectionId(system, "default"): budget})
        return plan(wanted, lives, facts=facts).cost.seconds

    budget = Budget(pace=Pace(page=0.25, get=0.01, write=0.01))
    assert seconds("den", budget) == pytest.approx(100 * 0.01 + 0.25, abs=0.06), "a page costs no more than a page"
    spent = replace(budget, left=0, window=600, silence=60.0)
    assert seconds("den", spent) == pytest.approx(100 * 0.01 + 0.25 + 60, abs=0.06)
    assert seconds("wexa", spent) < 60, "the window of another connection is not theirs"


def test_a_plan_without_changes_costs_nothing() -> None:
    facts = Facts(reading=Reading(requests=2, seconds=0.2, left=598, window=600, silence=60.0))
    found = plan([account(), docs()], [live_instance()], facts=facts)
    assert (found.cost.requests, found.cost.seconds) == (0, 0.0)


# Answers that no server should give

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 2), st.text(max_size=2), st.sampled_from(["docs", "1001"])),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)),
    max_leaves=5,
)
FIELDS = ["name", "connectorAccountId", "remoteId", "status", "instanceConfigJson", "organizationId", "createdAt"]
ACCOUNT_FIELDS = ["remoteId", "displayName", "connectorType", "externalAccountRef", "metadata", "status"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), max_size=3),
    st.lists(st.dictionaries(st.sampled_from(ACCOUNT_FIELDS), JSON), max_size=3),
)
def test_no_answer_whatever_makes_the_plan_stumble(
    instances: list[dict[str, Any]], accounts: list[dict[str, Any]]
) -> None:
    wanted = [
        account(metadata={"a": 1}, externalAccountRef=None),
        docs(remoteId="a/b", status="active", config={"a": {"b": [1]}}, autoImportNewPlugins=True),
        instance("other", id="cin_1"),
    ]
    found = plan(
        wanted,
        [connector_instance._live({"id": f"cin_{n}", "updatedAt": STAMP, **one}) for n, one in enumerate(instances)],
        [connector_account._live({"id": f"cac_{n}", "updatedAt": STAMP, **one}) for n, one in enumerate(accounts)],
    )
    assert found.declared == 3


def test_what_is_nested_too_deeply_is_refused_alone() -> None:
    deep: Any = 1
    for _ in range(3000):
        deep = {"k": deep}
    live = [live_instance(instanceConfigJson={"a": 1, "deep": deep}), live_instance("other")]
    found = plan([account(), docs(config={"a": 2}), instance("other", status="disabled")], live)
    assert actions(found) == {"docs": "refuse", "other": "update"}
    assert "nested too deeply" in worded(found.steps[0].why)
