"""Narrowing a run: by address and by label, with what is referred to and what a short form declares."""

from __future__ import annotations

import pytest
from declare import DEN, access, account, declared, declared_connection, instance, target
from world import World, results

from trueup.core.errors import UsageError
from trueup.core.kinds import Declared
from trueup.core.secrets import Secret
from trueup.engine.select import Selection, select


def labelled(one: Declared, **labels: str) -> Declared:
    one.labels = labels
    return one


ALL = [
    account(),
    labelled(instance("docs", access={"exclusive": True}), team="platform", tier="1"),
    labelled(instance("pricing"), team="sales"),
    instance("plain"),
    target("main"),
    access("everybody", organization=True),
]


def chosen(*labels: str, targets: tuple[str, ...] = ()) -> list[str]:
    return [one.address.name for one in select(ALL, Selection(targets, labels))]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["team=platform"], ["acme", "docs", "everybody"]),
        (["team==sales"], ["acme", "pricing"]),
        (["team"], ["acme", "docs", "pricing", "everybody"]),
        (["team,tier=1"], ["acme", "docs", "everybody"]),
        (["team", "team!=platform"], ["acme", "pricing"]),
        (["team = sales"], ["acme", "pricing"]),
        (["!team"], ["acme", "docs", "plain", "main", "everybody"]),
        (["tier!=1"], ["acme", "docs", "pricing", "plain", "main", "everybody"]),
    ],
)
def test_labels(labels: list[str], expected: list[str]) -> None:
    assert chosen(*labels) == expected


@pytest.mark.parametrize("label", ["", "=x", "!", "a=b=c", "a!=", "team platform", "!=x", "!a=b"])
def test_what_is_no_label(label: str) -> None:
    if label == "a!=":
        assert len(chosen(label)) == len(ALL)  # an empty value is a value
        return
    with pytest.raises(UsageError, match="is no label to select by"):
        chosen(label)


def test_labels_that_nothing_has_are_told_with_those_there_are() -> None:
    with pytest.raises(UsageError) as raised:
        chosen("team=support")
    assert "team=platform, team=sales, tier=1" in str(raised.value)


def test_a_narrowed_run_does_not_take_what_it_left_out_for_undeclared() -> None:
    """The instance comes along and is exclusive: then so has everything that may stand there."""
    both = [*ALL, access("member", member="member@example.test")]
    found = select(both, Selection(("den/ConnectorAccess/everybody",)))
    assert [one.address.name for one in found] == ["acme", "docs", "everybody", "member"]


@pytest.mark.parametrize("connection", ["default", "other"])
async def test_a_grant_that_is_declared_by_the_id_of_its_instance_and_left_out_is_not_revoked(
    world: World, connection: str
) -> None:
    den = world.sandbox.ready["den"]
    more = {"connections": (declared_connection(DEN, "other", url=den["url"], apiKey=Secret(den["apiKey"])),)}
    docs = instance("docs", access={"exclusive": True})
    assert (await world.apply(account(), docs)).exit_code == 0
    below = {"connectorInstance": world.instance("docs")["id"], "role": "viewer"}
    mine = declared(DEN, "ConnectorAccess", "mine", connection, **below, member="member@example.test")
    every = access("everybody", connectorInstance=below["connectorInstance"], organization=True)
    assert (await world.apply(account(), docs, mine, every, **more)).exit_code == 0
    before = world.rows("den.accessGrants")
    narrowed = {**more, "targets": ("den/ConnectorInstance/docs",)}
    report = await world.apply(account(), docs, mine, every, **narrowed)
    assert (report.outcomes, world.rows("den.accessGrants")) == ([], before)
    assert results(await world.apply(account(), docs, mine, **narrowed)) == {"docs:organization": "done"}
    lost = declared(DEN, "ConnectorAccess", "lost", connection, **below, team="Nobody")
    await world.apply(account(), docs, mine, every, **more)
    assert results(await world.apply(account(), docs, mine, lost, **narrowed)) == {"docs:organization": "refused"}


def test_both_have_to_fit() -> None:
    assert chosen("team=sales", targets=("den/ConnectorInstance/pricing",)) == ["acme", "pricing"]
    with pytest.raises(UsageError):
        chosen("team=platform", targets=("den/ConnectorInstance/pricing",))


async def test_what_is_left_out_is_told(world: World) -> None:
    plan = await world.plan(*ALL, labels=("team=sales",))
    assert (plan.declared, plan.left_out) == (2, 4)
