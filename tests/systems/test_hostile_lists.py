"""Lists of what is below something, and the organisation, as no server should answer them: refused with a word, or
handled; and nothing is created twice, removed or forgotten on account of it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from declare import access, account, instance, mapping, target
from hostile import Request, answer, client, serving
from world import INSTANCES, World, actions, results

from trueup.core.errors import ApiError, Malformed
from trueup.core.kinds import Declared
from trueup.ledger.store import Ledger
from trueup.report.reasons import worded
from trueup.systems.den import lists, organization

ROUTES = {
    "targets": "/v1/connector-instances/{connectorInstanceId}/targets",
    "mappings": "/v1/connector-targets/{connectorTargetId}/mappings",
    "access": "/v1/connector-instances/{connectorInstanceId}/access",
}
TABLES = {"targets": "den.connectorTargets", "mappings": "den.connectorMappings", "access": "den.accessGrants"}
STAMP = "2026-08-01T00:00:00.000Z"


def whole() -> list[Declared]:
    """An instance with everything below it, which may be replaced and removed."""
    return [
        account(),
        instance("docs", deletionPolicy="remove"),
        instance("other"),
        target("main"),
        mapping("skills"),
        access("everybody", organization=True),
    ]


async def held(world: World) -> set[str]:
    async with await Ledger.open(world.folder / "ledger.db") as ledger:
        return {record.address for record in (await ledger.records()).values()}


def there(world: World) -> dict[str, Any]:
    """Everything that is live, but for the times of what was touched."""
    tables = world.sandbox.control.get("/state").json()["tables"]
    found = {name: tables.get(name, {}) for name in (INSTANCES, *TABLES.values())}
    return {
        name: {key: {k: v for k, v in row.items() if k != "updatedAt"} for key, row in rows.items()}
        for name, rows in found.items()
    }


WRONG: dict[str, Any] = {
    "no object": [],
    "a word": "<html><body>Welcome</body></html>",
    "nothing": {},
    "no list": {"items": {}, "nextCursor": None},
    "null": {"items": None, "nextCursor": None},
    "an item that is none": {"items": [None], "nextCursor": None},
    "an item without anything": {"items": [{}], "nextCursor": None},
    "an id that is a number": {"items": [{"id": 7, "updatedAt": STAMP}], "nextCursor": None},
    "an id that leads elsewhere": {"items": [{"id": "../../v1/org", "updatedAt": STAMP}], "nextCursor": None},
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", WRONG)
async def test_what_is_no_list_is_refused(name: str, route: str, world: World) -> None:
    await world.apply(*whole())
    before, ours = there(world), await held(world)
    world.fault(system="den", method="GET", route=ROUTES[route], status=200, body=WRONG[name])
    world.forget()
    for prune in (False, True):
        with pytest.raises(ApiError) as raised:
            await world.apply(*whole(), prune=prune)
        assert raised.value.code in ("E305", "E306")
        assert len(raised.value.message) < 500
    assert world.writes() == []
    assert (there(world), await held(world)) == (before, ours)


def _rows(world: World, route: str) -> list[dict[str, Any]]:
    docs = world.instance("docs")["id"]
    path = ROUTES[route].replace("{connectorInstanceId}", docs)
    if route == "mappings":
        (main,) = world.rows(TABLES["targets"])
        path = path.replace("{connectorTargetId}", main["id"])
    found: list[dict[str, Any]] = world.sandbox.den.get(path).json()["items"]
    return found


def _elsewhere(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    elsewhere = {"connectorInstanceId": f"cin_{'0' * 26}", "connectorTargetId": f"ctg_{'0' * 26}"}
    return [{**row, **elsewhere} for row in rows]


@pytest.mark.parametrize("route", ROUTES)
async def test_what_is_below_another_one_is_refused(route: str, world: World) -> None:
    await world.apply(*whole())
    before, ours = there(world), await held(world)
    body = {"items": _elsewhere(_rows(world, route)), "nextCursor": None}
    world.fault(system="den", method="GET", route=ROUTES[route], status=200, body=body)
    world.forget()
    with pytest.raises(Malformed, match="another"):
        await world.apply(*whole(), prune=True)
    assert world.writes() == []
    assert (there(world), await held(world)) == (before, ours)


@pytest.mark.parametrize("removed", [0, False, True, {}, [], 7])
async def test_a_grant_of_which_nobody_knows_whether_it_was_revoked_is_refused(removed: Any, world: World) -> None:
    await world.apply(*whole())
    body = {"items": [{**row, "removedAt": removed} for row in _rows(world, "access")]}
    world.fault(system="den", method="GET", route=ROUTES["access"], status=200, body=body)
    world.forget()
    with pytest.raises(Malformed, match="revoked"):
        await world.apply(*whole(), prune=True)
    assert world.writes() == []


FIELDS = [
    ("targets", ("remoteId", "targetKind", "externalTargetRef", "targetConfigJson", "createdAt")),
    ("mappings", ("selector", "mappingKind", "objectType", "pluginId", "autoAddToPlugin", "mappingConfigJson")),
    ("access", ("role", "orgMembershipId", "teamId", "orgWide", "createdAt")),
]


@pytest.mark.parametrize("value", [None, True, {"a": {"b": []}}, "x" * 100_000])
@pytest.mark.parametrize(("route", "field"), [(route, field) for route, fields in FIELDS for field in fields])
async def test_fields_of_another_type_remove_nothing(route: str, field: str, value: Any, world: World) -> None:
    """A row may be told to differ; but it is neither made twice nor removed, since a field of it is none."""
    state = await _applied(world)
    rows = [{**row, field: value} for row in _rows(world, route)]
    world.fault(system="den", method="GET", route=ROUTES[route], status=200, body={"items": rows, "nextCursor": None})
    try:
        plan = await world.plan(*whole(), prune=True)
    except ApiError:
        return
    gone = [step for step in plan.steps if step.action in ("delete", "replace")]
    if field == "mappingKind" and isinstance(value, str):
        return  # another kind is another mapping
    calls = [call.verb for step in plan.steps for call in step.calls]
    assert not gone, gone
    assert not {"delete", "remove", "archive"} & set(calls), calls
    await world.apply(*whole(), prune=True)
    world.calm()
    for table, rows in there(world).items():
        assert rows.keys() == state[table].keys(), table


async def _applied(world: World) -> dict[str, Any]:
    await world.apply(*whole())
    return there(world)


@pytest.mark.parametrize("field", ["connectorAccountId", "status", "instanceConfigJson", "remoteId"])
@pytest.mark.parametrize("value", [None, 7, [], {}])
async def test_an_instance_is_not_replaced_since_a_field_of_it_is_none(field: str, value: Any, world: World) -> None:
    before = await _applied(world)
    items = world.sandbox.den.get("/v1/connector-instances").json()["items"]
    body = {"items": [{**item, field: value} for item in items], "nextCursor": None}
    world.fault(system="den", method="GET", route="/v1/connector-instances", status=200, body=body)
    plan = await world.plan(*whole(), prune=True)
    assert not {"delete", "replace", "create"} & set(actions(plan).values())
    await world.apply(*whole(), prune=True)
    world.calm()
    assert there(world)[INSTANCES].keys() == before[INSTANCES].keys()


@pytest.mark.parametrize("route", ROUTES)
async def test_an_empty_list_makes_nothing_twice_and_removes_nothing(route: str, world: World) -> None:
    before = await _applied(world)
    world.fault(system="den", method="GET", route=ROUTES[route], status=200, body={"items": [], "nextCursor": None})
    for prune in (False, True):
        plan = await world.plan(*whole(), prune=prune)
        assert set(actions(plan).values()) <= {"create"}
        report = await world.apply(*whole(), prune=prune)
        # Granting again changes nothing, and the answer shows the grant; other creations find what the list omitted.
        assert report.exit_code in ((0,) if route == "access" else (1, 4))
    world.calm()
    after = there(world)
    for table in before:
        assert after[table].keys() == before[table].keys(), table
    assert (await world.apply(*whole())).exit_code == 0
    assert await world.in_sync(*whole())


async def test_an_empty_list_of_instances_removes_nothing(world: World) -> None:
    before = await _applied(world)
    world.fault(
        system="den",
        method="GET",
        route="/v1/connector-instances",
        status=200,
        body={"items": [], "nextCursor": None},
    )
    report = await world.apply(*whole(), prune=True)
    assert report.exit_code in (1, 4)
    world.calm()
    after = there(world)
    for table in before:
        assert after[table].keys() == before[table].keys(), table


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("status", [403, 404])
async def test_what_may_not_be_read_of_one_parent_is_told_and_stays(status: int, route: str, world: World) -> None:
    before = await _applied(world)
    ours = await held(world)
    world.fault(system="den", method="GET", route=ROUTES[route], status=status, body={"error": "forbidden"})
    world.forget()
    for prune in (False, True):
        plan = await world.plan(*whole(), prune=prune)
        assert not plan.has_changes
        assert plan.unverifiable >= 1
        report = await world.apply(*whole(), prune=prune)
        assert (report.outcomes, report.released) == ([], 0)
    assert world.writes() == []
    assert (there(world), await held(world)) == (before, ours)


async def test_one_that_is_not_to_be_read_any_more_below_another_leaves_its_own_in_the_ledger(world: World) -> None:
    """A mapping of a target that is not to be seen, since the list that it is on may not be read."""
    await world.apply(*whole())
    less = [one for one in whole() if one.address.kind != "ConnectorMapping"]
    world.fault(system="den", method="GET", route=ROUTES["targets"], status=403, body={"error": "forbidden"})
    await world.apply(*less, prune=True)
    assert "den/ConnectorMapping/skills" in await held(world)


async def test_an_account_is_not_disconnected_below_which_something_is_declared_that_is_not_seen(world: World) -> None:
    gone = account("labs", remoteId="1003", deletionPolicy="disconnect")
    await world.apply(account(), gone, instance("lab", connectorAccount="labs"))
    key = world.row("den.connectorAccounts", remoteId="1003")["id"]
    wanted = [account(), instance("new", connectorAccount=key)]
    plan = await world.plan(*wanted, prune=True, disconnect=True)
    assert actions(plan)["labs"] == "refuse"
    assert "den/ConnectorInstance/new is declared" in next(
        worded(one.why) for one in plan.steps if one.action == "refuse"
    )


Change = Callable[[dict[str, Any]], Any]
ORGANIZATIONS: dict[str, Change] = {
    "no organization": lambda org: org.pop("organization"),
    "an id that is none": lambda org: org["organization"].update(id=7),
    "no member of its own": lambda org: org.pop("currentMember"),
}
UNTOLD: dict[str, Change] = {
    "no members": lambda org: org.pop("members"),
    "members as null": lambda org: org.update(members=None),
    "members that are none": lambda org: org.update(members={"a": 1}),
    "no teams": lambda org: org.pop("teams"),
    "teams as null": lambda org: org.update(teams=None),
    "people alone": lambda org: (org.pop("teams"), org.pop("roles"), org.pop("invitations")),
}


@pytest.mark.parametrize("name", ORGANIZATIONS)
async def test_an_organisation_that_is_not_told_is_refused(name: str, world: World) -> None:
    await world.apply(*whole())
    org = world.sandbox.den.get("/v1/org").json()
    ORGANIZATIONS[name](org)
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    world.forget()
    wanted = [*whole(), access("member", member="member@example.test")]
    with pytest.raises(Malformed):
        await world.apply(*wanted, prune=True)
    assert world.writes() == []


@pytest.mark.parametrize("name", UNTOLD)
async def test_a_list_of_the_organisation_that_is_not_told_refuses_what_needs_it_alone(name: str, world: World) -> None:
    wanted = [*whole(), access("member", member="member@example.test"), access("team", team="Platform")]
    await world.apply(*wanted)
    before = there(world)
    org = world.sandbox.den.get("/v1/org").json()
    UNTOLD[name](org)
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    world.forget()
    whom = "member" if "members" in name else "team"
    report = await world.apply(*wanted, prune=True)
    assert results(report) == {whom: "refused"}
    assert f"Den does not show the {whom}s" in worded(report.outcomes[0].step.why)
    assert world.writes() == []
    assert there(world) == before


@pytest.mark.parametrize("role", [None, "steward", {"name": "owner"}])
async def test_a_role_that_is_not_known_forbids_nothing(role: Any, world: World) -> None:
    org = world.sandbox.den.get("/v1/org").json()
    org["currentMember"]["role"] = role
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    plan = await world.plan(account())
    assert actions(plan) == {"acme": "create"}
    assert any("the role of this credential" in worded(one) for one in plan.warnings)


async def test_members_and_teams_that_are_none_are_passed_over(world: World) -> None:
    await world.apply(*whole())
    org = world.sandbox.den.get("/v1/org").json()
    org["members"] += [None, 7, {}, {"id": 3}, {"id": "om_x", "user": None}, {"id": "om_y", "user": {"email": 7}}]
    org["teams"] += [None, {"id": "tem_x"}, {"name": "x" * 1_000_000, "id": "tem_y"}]
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    wanted = [*whole(), access("member", member="member@example.test")]
    assert actions(await world.plan(*wanted)) == {"member": "create"}


async def test_of_two_teams_of_one_name_none_is_taken(world: World) -> None:
    await world.apply(*whole())
    org = world.sandbox.den.get("/v1/org").json()
    org["teams"].append({**org["teams"][0], "id": "tem_" + "0" * 26})
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    plan = await world.plan(*whole(), access("team", team=org["teams"][0]["name"]))
    (step,) = [step for step in plan.steps if step.address.name == "team"]
    assert step.action == "refuse"
    assert "several teams" in worded(step.why)


async def test_a_role_of_any_length_is_told_shortly(world: World) -> None:
    org = world.sandbox.den.get("/v1/org").json()
    org["currentMember"]["role"] = "\x1b[2Jmember" + "x" * 1_000_000
    world.fault(system="den", method="GET", route="/v1/org", status=200, body=org)
    plan = await world.plan(account())
    assert actions(plan) == {"acme": "create"}
    (warning,) = map(worded, plan.warnings)
    assert len(warning) < 500
    assert "\x1b" not in warning


@pytest.mark.parametrize("item", [None, {}, {"mappingCount": "many"}, {"mappingCount": None}, []])
async def test_what_would_be_lost_is_told_or_nothing_is_removed(item: Any, world: World) -> None:
    await world.apply(*whole())
    world.fault(system="den", method="GET", route="*/configuration", status=200, body={"item": item})
    world.forget()
    left = [account(), instance("other")]
    with pytest.raises(Malformed, match="no counts"):
        await world.apply(*left, prune=True)
    assert world.writes() == []


def _row(number: int) -> dict[str, Any]:
    return {"id": f"ctg_{number:026}", "remoteId": f"acme/{number}", "updatedAt": f"2026-08-01T00:00:{number:06}Z"}


async def test_a_hundred_thousand_rows_are_read_once_each() -> None:
    page = answer(body={"items": [_row(number) for number in reversed(range(100_000))], "nextCursor": None})

    async def respond(request: Request, _: Any) -> bytes:
        return page

    async with serving(respond) as server, client(server.url, timeout=60.0) as api:
        found = await lists.read_children(api, ROUTES["targets"], connectorInstanceId="cin_1")
    assert len(found) == 100_000
    assert len(server.requests) == 1


@pytest.mark.parametrize("fresh", [True, False])
async def test_a_cursor_without_end_is_given_up(fresh: bool) -> None:
    async def respond(request: Request, _: Any) -> bytes:
        row = _row(999_999 - request.number if fresh else 7)
        return answer(body={"items": [row], "nextCursor": f"ctg_{request.number:026}"})

    async with serving(respond) as server, client(server.url) as api:
        with pytest.raises(ApiError, match="does not come to rest"):
            await lists.read_children(api, ROUTES["targets"], connectorInstanceId="cin_1")
    assert len(server.requests) < 1_000


async def test_the_organisation_of_a_huge_answer_is_read() -> None:
    members = [{"id": f"om_{number:026}", "user": {"email": f"{number}@example.test"}} for number in range(50_000)]
    org = {
        "organization": {"id": "org_" + "0" * 26, "name": "x" * 1_000_000},
        "currentMember": {"id": "om_" + "0" * 26, "role": "owner"},
        "members": members,
        "teams": [],
    }
    raw = json.dumps(copy.deepcopy(org)).encode()

    async def respond(request: Request, _: Any) -> bytes:
        return answer(raw=raw)

    async with serving(respond) as server, client(server.url, timeout=60.0) as api:
        found = await organization.organization(api)
    assert len(found.members) == 50_000
    assert found.is_admin


@pytest.mark.parametrize("cursor", ["\ud800", "ctg_\udc00", "x" * 100_000, 7])
async def test_a_cursor_that_cannot_be_sent_is_refused(cursor: Any) -> None:
    async def respond(request: Request, _: Any) -> bytes:
        return answer(body={"items": [_row(7)], "nextCursor": cursor})

    async with serving(respond) as server, client(server.url) as api:
        with pytest.raises(ApiError, match="a cursor that") as raised:
            await lists.read_children(api, ROUTES["targets"], connectorInstanceId="cin_1")
    assert raised.value.code == "E306"
    assert len(server.requests) == 1
