"""A plan is a pure function of its inputs: equal inputs give equal plans, and no input is changed."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from declare import account, instance
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plans import ACCOUNT, KEY, live_account, live_instance

from trueup.core.changes import MISSING, UNKNOWN
from trueup.core.kinds import Declared
from trueup.core.reasons import Reason
from trueup.core.records import Record
from trueup.core.values import ConnectionId, Listing, ListKey, Live
from trueup.engine.match import Matches, matched
from trueup.engine.plan import Facts, Inputs, Limit, Policy, Reading, concluded, draft, plan
from trueup.systems.registry import BY_NAME
from trueup.systems.system import Permissions

DEN = ConnectionId("den", "default")
NAMES = ["docs", "Docs", "wiki", "blog"]
SHARED = {id(one): one for one in (*BY_NAME.values(), MISSING, UNKNOWN)}
"""Objects that are equal to themselves alone, as a memo of `deepcopy`: copies share it."""


@st.composite
def resources(draw: st.DrawFn) -> list[Declared]:
    """Up to four instances, whose names may be swapped, taken over, or given to another id."""
    found = [account()]
    for label in draw(st.lists(st.sampled_from(["one", "two", "three", "four"]), unique=True)):
        spec: dict[str, Any] = {"name": draw(st.sampled_from(NAMES)), "status": draw(st.sampled_from(STATUSES))}
        if draw(st.booleans()):
            spec["config"] = draw(CONFIGS)
        if draw(st.integers(0, 5)) == 0:
            spec["id"] = f"cin_{draw(st.sampled_from(NAMES))}"
        one = instance(label, **spec)
        if draw(st.integers(0, 2)) == 0:
            one = replace(one, annotations={"trueup.dev/renamed-from": draw(st.sampled_from(NAMES))})
        found.append(one)
    return found


STATUSES = ["active", "disabled"]
CONFIGS = st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), max_size=2)


def live(name: str, status: str, config: dict[str, Any]) -> Live:
    return live_instance(name, status=status, config=config)


LIVES = st.lists(st.builds(live, st.sampled_from(NAMES), st.sampled_from(STATUSES), CONFIGS), unique_by=lambda x: x.id)


@st.composite
def records(draw: st.DrawFn, stack: str = "") -> dict[str, Record]:
    found = {}
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        address = f"den/ConnectorInstance/{draw(st.sampled_from(['one', 'two', 'gone']))}"
        record = Record("den:x", f"cin_{name}", address, "ConnectorInstance", name=name, stack=stack)
        record.owned = draw(st.sampled_from([[], [["config", "a"]]]))
        record.policy = draw(st.sampled_from(["", "archive", "retain"]))
        found[record.id] = record
    return found


@st.composite
def inputs(draw: st.DrawFn) -> Inputs:
    own, others = draw(records()), draw(records("theirs"))
    listings = {
        ListKey(*DEN, "ConnectorAccount"): Listing([live_account()]),
        ListKey(*DEN, "ConnectorInstance"): Listing(draw(LIVES), complete=draw(st.booleans())),
    }
    policy = Policy(
        KEY if draw(st.booleans()) else None,
        resend=draw(st.booleans()),
        prune=draw(st.booleans()),
        strict=draw(st.booleans()),
        take_from=draw(st.sampled_from([None, "theirs"])),
        limit=Limit(draw(st.sampled_from([0, 30, 100])), draw(st.sampled_from([None, 1]))),
    )
    return Inputs(
        draw(resources()),
        listings,
        {DEN: own},
        policy,
        {DEN: list(own.values())},
        {DEN: {key: one for key, one in others.items() if key not in own}},
        unseen=draw(st.sampled_from([(), ("other.yaml",)])),
    )


def half() -> Inputs:
    """One that the ledger knows by its address, and whose annotation says that it is another one."""
    wanted = replace(instance("one", name="docs", status="disabled"), annotations={"trueup.dev/renamed-from": "wiki"})
    own = {
        f"cin_{name}": Record("den:x", f"cin_{name}", f"den/ConnectorInstance/{label}", "ConnectorInstance", name=name)
        for name, label in (("docs", "one"), ("wiki", "gone"))
    }
    listings = {
        ListKey(*DEN, "ConnectorAccount"): Listing([live_account()]),
        ListKey(*DEN, "ConnectorInstance"): Listing([live("docs", "active", {}), live("wiki", "active", {})]),
    }
    return Inputs([account(), wanted], listings, {DEN: own}, Policy(KEY, prune=True), {DEN: list(own.values())})


FACTS = st.builds(
    Facts,
    permissions=st.sampled_from([{}, {DEN: Permissions(None, ("x",))}, {DEN: Permissions(admin=False, roles=("x",))}]),
    partial=st.sampled_from([(), ("den:x",)]),
    off=st.sampled_from([(), ("a limit",)]),
    warnings=st.sampled_from([(), ("a warning",)]),
    reading=st.sampled_from([Reading(), Reading(3, 0.1, 2, 600, 60.0)]),
)


def copied(value: Any) -> Any:
    return copy.deepcopy(value, dict(SHARED))


def state(matches: Matches) -> Any:
    """All that is matched, as a value; what is only found again later, such as an index, aside."""
    names = ("lives", "specs", "waits", "refused", "hidden", "halves", "rivals", "unsettled", "denied")
    claims = {key: index.claimed for key, index in matches.indexes.items()}
    return copied([*(getattr(matches, name) for name in names), claims])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inputs(), FACTS)
@example(half(), Facts())
def test_equal_inputs_give_equal_plans_and_none_is_changed(given: Inputs, facts: Facts) -> None:
    before = copied([given, facts])
    found = plan(given, facts)
    assert [given, facts] == before
    assert plan(given, facts) == found
    again, the_same = copied([given, facts])
    assert plan(again, the_same) == found


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(inputs(), FACTS)
@example(half(), Facts())
def test_what_is_matched_already_is_not_changed_either(given: Inputs, facts: Facts) -> None:
    assert not isinstance(given.live, Matches)
    matches = matched(given.declared, given.live, given.records)
    before = state(matches)
    found = replace(given, live=matches)
    drafted = draft(found)
    kept = copied(drafted)
    assert concluded(drafted, found, facts) == plan(given, facts)
    assert drafted == kept, "a draft is not changed by its conclusion"
    assert state(matches) == before
    assert draft(found) == drafted


def test_neither_a_plan_nor_a_step_can_be_changed() -> None:
    listings = {
        ListKey(*DEN, "ConnectorAccount"): Listing([live_account()]),
        ListKey(*DEN, "ConnectorInstance"): Listing([]),
    }
    found = plan(Inputs([account(), instance("docs", connectorAccount=ACCOUNT)], listings))
    (step,) = found.steps
    with pytest.raises(FrozenInstanceError):
        found.unsafe = None  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        step.action = "no-op"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        step.desired.spec = {}  # type: ignore[misc]
    assert step.refused(Reason("too-deep")) is not step
    assert step.action == "create"
