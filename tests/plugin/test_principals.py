"""A team or member that was renamed in Den, in a Pulumi program: a difference of its grant only."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine import FAILED, Stack, small
from principals import live_grants, team_id
from world import World

pytestmark = pytest.mark.timeout(300)  # each starts the engine several times


@pytest.fixture
def stack(world: World, tmp_path: Path) -> Stack:
    found = Stack(tmp_path / "program")
    found.resources = small()
    found.up()
    return found


def rename(world: World) -> None:
    world.upstream("person", kind="team", name="Platform", set={"name": "Platform EMEA"})
    world.upstream("person", kind="user", name="editor@example.test", set={"email": "ed@example.test"})


def test_what_was_renamed_is_a_difference_of_its_grant(stack: Stack, world: World) -> None:
    before = live_grants(world)
    rename(world)
    stack.resources["docs"]["properties"]["status"] = "disabled"
    said = " ".join(stack.preview("--refresh", "--diff").split())
    assert "team Platform was renamed to Platform EMEA in Den" in said
    assert "In the program, write `team: Platform EMEA` for it" in said
    assert '- __renamed: { - team: "Platform" }' in said
    assert "`member: ed@example.test`" in said
    assert "~ status" in said
    said = stack.up("--refresh")
    assert "replaced" not in said
    assert "~ 3 updated" in said
    assert world.instance("docs")["status"] == "disabled"
    assert live_grants(world) == before
    assert "Platform EMEA" in stack.preview("--diff")
    stack.resources["platform"]["properties"]["team"] = "Platform EMEA"
    stack.resources["editor"]["properties"]["member"] = "ed@example.test"
    stack.preview("--expect-no-changes")
    stack.up()
    stack.clean()
    assert live_grants(world) == before


def test_a_refresh_goes_on_and_a_role_can_be_changed_meanwhile(stack: Stack, world: World) -> None:
    before = live_grants(world)
    rename(world)
    said = stack.run("refresh", "--yes", "--skip-preview")
    assert "Platform EMEA" in said
    stack.resources["platform"]["properties"]["role"] = "manager"
    stack.up()
    key = team_id(world, "Platform EMEA")
    assert live_grants(world) == {**before, key: "manager"}
    stack.resources["platform"]["properties"]["team"] = "Platform EMEA"
    stack.resources["editor"]["properties"]["member"] = "ed@example.test"
    said = stack.up()
    assert "replaced" not in said
    assert live_grants(world) == {**before, key: "manager"}
    stack.clean()


def test_a_successor_under_the_former_name_is_given_nothing(stack: Stack, world: World) -> None:
    before = live_grants(world)
    rename(world)
    world.upstream("person", kind="team", name="Support", set={"name": "Platform"})
    stack.resources["platform"]["properties"]["role"] = "manager"
    said = stack.up("--refresh")
    assert "replaced" not in said
    key = team_id(world, "Platform EMEA")
    assert live_grants(world) == {**before, key: "manager"}
    stack.run("destroy", "--yes", "--skip-preview")
    assert live_grants(world) == {}


def test_a_name_that_nobody_has_is_an_error_still(stack: Stack, world: World) -> None:
    before = live_grants(world)
    stack.resources["platform"]["properties"]["team"] = "Platfrom"
    said = stack.preview(code=FAILED)
    assert "no team of this organisation is called Platfrom" in said
    assert live_grants(world) == before
