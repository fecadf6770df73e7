"""Narrowing a run: by address and by label, with what is referred to and what a short form declares."""

from __future__ import annotations

import pytest
from declare import access, account, instance, target
from world import World

from trueup.errors import UsageError
from trueup.model import Declared
from trueup.select import Selection, select


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


def test_both_have_to_fit() -> None:
    assert chosen("team=sales", targets=("den/ConnectorInstance/pricing",)) == ["acme", "pricing"]
    with pytest.raises(UsageError):
        chosen("team=platform", targets=("den/ConnectorInstance/pricing",))


async def test_what_is_left_out_is_told(world: World) -> None:
    plan = await world.plan(*ALL, labels=("team=sales",))
    assert (plan.declared, plan.left_out) == (2, 4)
