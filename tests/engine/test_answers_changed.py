"""Every answer with one place of it changed: no crash, nothing written or removed that should not be, no false story.

The server of `mutating` stands between trueup and the sandbox. Each field of each route is left out, null, of another
type, or a word that nobody knows, and has fields beside it that nobody knows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from declare import access, account, instance, mapping, target
from mutating import Between, Key, Mutate, Place, between, mutations
from world import World

from trueup.core.errors import TrueupError
from trueup.core.kinds import Declared
from trueup.engine.apply import Report

TABLES = {
    "den.connectorAccounts": "metadata",
    "den.connectorInstances": "instanceConfigJson",
    "den.connectorTargets": "targetConfigJson",
    "den.connectorMappings": "mappingConfigJson",
    "den.accessGrants": "",
}
"""The tables that runs write, and the mapping in each of which some keys are the server's."""
TIMES = ("updatedAt", "createdAt")
THEIRS = {"x": [1]}


def steady(**config: Any) -> list[Declared]:
    """One resource of each kind and more, with every field of each."""
    return [
        account(metadata={"a": "b"}, externalAccountRef="ref"),
        instance("docs", deletionPolicy="remove", config={"branch": "main", **config}, status="active"),
        instance("other", status="disabled", autoImportNewPlugins=False, remoteId="acme/other"),
        target("main", externalTargetRef="main", config={"branch": "main", **config}),
        mapping("skills", config={"a": 1, **config}, autoAddToPlugin=True),
        access("everybody", organization=True),
        access("team", team="Platform"),
        access("viewer", member="viewer@example.test"),
    ]


def later() -> list[Declared]:
    """The same after a day of work: each field that can be is changed, some are new, some are gone."""
    kept = steady(more="yes")
    del kept[6]
    kept[2] = instance("other", name="others", status="active", autoImportNewPlugins=True, remoteId="acme/another")
    kept[5] = access("everybody", "editor", organization=True)
    return [*kept, instance("new", config={"branch": "n"}), target("second"), mapping("agents", objectType="agent")]


def held(world: World) -> dict[str, dict[str, Any]]:
    """The rows of the tables that runs write, without their times."""
    tables = world.sandbox.control.get("/state").json()["tables"]
    return {
        name: {
            key: {field: value for field, value in row.items() if field not in TIMES}
            for key, row in tables.get(name, {}).items()
        }
        for name in TABLES
    }


class Field:
    """A sandbox behind the server that changes answers, and a state to begin each try with."""

    def __init__(self, world: World, proxy: Between) -> None:
        self.world = world
        self.proxy = proxy
        self.kept = world.folder.parent / "kept"
        self.state: Any = None

    def keep(self) -> None:
        """Take what there is now for the beginning of each try."""
        self.state = self.world.sandbox.control.get("/state").json()
        for table, field in TABLES.items():
            for row in self.state["tables"].get(table, {}).values():
                if isinstance(row.get(field), dict):
                    row[field]["theirs"] = THEIRS
        shutil.rmtree(self.kept, ignore_errors=True)
        self.world.folder.mkdir(exist_ok=True)
        shutil.copytree(self.world.folder, self.kept)
        self.again()

    def again(self) -> None:
        """Go back to that."""
        assert self.world.sandbox.control.put("/state", json=self.state).status_code == 200
        shutil.rmtree(self.world.folder)
        shutil.copytree(self.kept, self.world.folder)
        self.proxy.change(None, None)

    async def apply(self, wanted: list[Declared], *, prune: bool = True) -> tuple[Report | None, str]:
        """The report of an apply, or the error that it ended with; any but one of ours fails the test."""
        try:
            return await self.world.apply(*wanted, prune=prune), ""
        except TrueupError as error:
            return None, str(error)


@pytest.fixture
def field(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Field]:
    with between(world.sandbox.ready["den"]["url"]) as proxy:
        monkeypatch.setenv("TRUEUP_DEN_URL", proxy.url)
        yield Field(world, proxy)


def chosen(bodies: dict[Key, Any], every: int) -> Iterator[tuple[str, Key, Place, Mutate]]:
    """One of so many changes."""
    number = 0
    for route, body in bodies.items():
        for name, place, mutate in mutations(body):
            if place and place[-1] == "*" and name == "missing":
                continue  # an empty list is a true answer: `test_hostile_lists` is about those
            if any(part in WITHIN for part in place[:-1]):
                continue  # and so is another value in a mapping that is free
            number += 1
            if number % every == 0:
                yield f"{route[0]} {route[1]}: {'.'.join(place) or 'all'} {name}", route, place, mutate


WITHIN = {*TABLES.values(), "targetConfigJson", "config"}
COMPARED = {
    "status",
    "removedAt",
    "role",
    "name",
    "remoteId",
    "selector",
    "objectType",
    "displayName",
    "externalTargetRef",
}
"""Fields of which another text is another value than is declared, which is written again."""
NULLABLE = {"remoteId", "externalTargetRef", "externalAccountRef", *TABLES.values()}
"""Fields of which null is such a value as well."""


def differs(place: Place, what: str) -> bool:
    """Whether an answer shows another value of a declared field, rather than none that can be compared."""
    last = place[-1] if place else ""
    return last in NULLABLE if what.endswith("null") else last in COMPARED and what.endswith(("word", "text"))


async def steadily(field: Field, every: int) -> None:
    world, proxy = field.world, field.proxy
    assert (await world.apply(*steady())).exit_code == 0
    field.keep()
    report, _ = await field.apply(steady())
    assert report is not None
    assert report.outcomes == []
    before, wrong = held(world), []
    for what, route, place, mutate in chosen(dict(proxy.answered), every):
        proxy.change(route, mutate)
        await field.apply(steady())
        if proxy.writes() and not differs(place, what):
            wrong.append(f"{what}: {proxy.writes()}")
        if held(world) != before:
            wrong += [f"{what}: changed"] * (not differs(place, what))
            field.again()
    assert not wrong, "\n".join(wrong)


async def test_what_an_answer_does_not_show_is_not_written(field: Field) -> None:
    await steadily(field, 41)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_what_no_answer_shows_is_not_written(field: Field) -> None:
    await steadily(field, 5)


def strange(before: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]], end: dict[str, dict[str, Any]]) -> str:
    """Describe what is neither as it was nor as it was to become; empty when there is nothing."""
    for table, rows in now.items():
        for key, row in rows.items():
            was, will = before[table].get(key), end[table].get(key)
            if was is None:  # made anew
                if not any(like_enough(row, one) for one in end[table].values()):
                    return f"{table} has {row}"
                continue
            for name, value in row.items():
                if value not in (was[name], will[name] if will is not None else None) and name != "removedAt":
                    return f"{table} {key} {name}: {value}, was {was[name]}"
        if len(rows) > max(len(before[table]), len(end[table])):
            return f"{table} has {len(rows)} rows"
        if gone := [key for key in before[table] if key not in rows and key in end[table]]:
            return f"{table} lost {gone}"
    return ""


def like_enough(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows are one resource, made in two runs."""
    names = ("name", "remoteId", "selector", "objectType", "orgWide", "teamId")
    return all(one.get(name) == other.get(name) for name in names)


async def busily(field: Field, start: list[Declared], wanted: list[Declared], every: int) -> None:
    """A run that has to change much, each answer of which is changed in turn; and then one that is left alone."""
    world, proxy = field.world, field.proxy
    if start:
        assert (await world.apply(*start)).exit_code == 0
    field.keep()
    before = held(world)
    report, error = await field.apply(wanted, prune=bool(start))
    assert report is not None, error
    assert report.exit_code == 0, [outcome.error for outcome in report.outcomes]
    end, bodies, wrong = held(world), dict(proxy.answered), []
    for what, route, place, mutate in chosen(bodies, every):
        field.again()
        proxy.change(route, mutate)
        await field.apply(wanted, prune=bool(start))
        if (story := strange(before, held(world), end)) and not differs(place, what):
            wrong.append(f"{what}: {story}")
        proxy.change(None, None)
        report, error = await field.apply(wanted, prune=bool(start))
        if report is None or report.exit_code or not await world.in_sync(*wanted):
            left = [str(one.error or one.step.why) for one in report.outcomes if one.result != "done"] if report else []
            wrong.append(f"{what}: then {error or left}")
        if story := strange(before, held(world), end):
            wrong.append(f"{what}: at the end {story}")
    assert not wrong, "\n".join(wrong)


async def test_a_day_of_work_with_strange_answers(field: Field) -> None:
    await busily(field, steady(), later(), 211)


async def test_from_nothing_with_strange_answers(field: Field) -> None:
    await busily(field, [], steady(), 211)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_day_of_work_with_many_strange_answers(field: Field) -> None:
    await busily(field, steady(), later(), 31)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_from_nothing_with_many_strange_answers(field: Field) -> None:
    await busily(field, [], steady(), 31)
