"""What only all documents together can tell: addresses, references, circles, claims."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trueup.core.errors import Fault, ManifestError
from trueup.core.fields import field
from trueup.core.kinds import Declared, kind
from trueup.core.values import Address, Where
from trueup.manifest import load
from trueup.manifest.links import link
from trueup.manifest.places import LOADER
from trueup.systems.rest import RestHandler

DEN = "apiVersion: den.trueup.dev/v1\n"
WEXA = "apiVersion: wexa.trueup.dev/v1\n"
PROJECT = "68063653fc2e1fb8597c7700"
INSTANCE_ID = "cin_01m81v3ebke5etz898cegh2am6"
ACCOUNT_ID = "cac_01m81v3dzpec9b6q80jhy1r3kd"


def account(name: str, remote: str = "1001", more: str = "") -> str:
    """An account on four lines."""
    spec = f'{{remoteId: "{remote}", displayName: a{more}}}'
    return f"{DEN}kind: ConnectorAccount\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def instance(name: str, account: str = "acme", more: str = "") -> str:
    """An instance on four lines."""
    return f"{DEN}kind: ConnectorInstance\nmetadata: {{name: {name}}}\nspec: {{connectorAccount: {account}{more}}}\n"


def connector(name: str, more: str = "") -> str:
    """A connector on four lines."""
    return f"{WEXA}kind: Connector\nmetadata: {{name: {name}}}\nspec: {{projectId: {PROJECT}{more}}}\n"


def connection(name: str, api: str = DEN) -> str:
    """A connection on four lines."""
    return f"{api}kind: Connection\nmetadata: {{name: {name}}}\nspec: {{url: sandbox}}\n"


def faults(*documents: str) -> list[Fault]:
    """The faults of the documents; each begins five lines after the one before it."""
    try:
        load(["-"], stdin=io.StringIO("---\n".join(documents)))
    except ManifestError as error:
        return error.faults
    return []


ACME = account("acme")

ROWS = {
    "declared twice": ([ACME, ACME], "8:18", "E130", "twice, first at <stdin>:1", "Rename"),
    "instance twice": ([ACME, instance("a"), instance("a")], "13:18", "E130", "den/ConnectorInstance/a", "Rename"),
    "connection twice": ([connection("a"), connection("a")], "8:18", "E130", "den/Connection/a", "Rename"),
    "unknown account": ([ACME, instance("a", "acmee")], "9:26", "E131", '"acmee"', 'mean "acme"? Or add the file'),
    "no account like it": ([ACME, instance("a", "zzz")], "9:26", "E131", '"zzz"', "are acme. Or add the file"),
    "no account at all": ([instance("a")], "4:26", "E131", '"acme"', "Declare a ConnectorAccount of that name, or"),
    "account elsewhere": (
        [connection("far"), account("acme", more=", connection: far"), instance("a")],
        "14:26", "E131", '"acme"', 'declared for the connection "far"',
    ),
    "name of an instance": (
        [ACME, instance("a"), instance("b", "a")],
        "14:26", "E132", "the name of a ConnectorInstance, not of a ConnectorAccount", "declared are acme",
    ),
    "id of an instance": (
        [instance("a", INSTANCE_ID)], "4:26", "E132", "the id of a ConnectorInstance, not of a", "cac_ and 26"
    ),
    "id of something": ([instance("a", "zzz" + ACCOUNT_ID[3:])], "4:26", "E132", "the id of something else", "cac_"),
    "short id": ([instance("a", "cac_01m8")], "4:26", "E133", '"cac_01m8" is not a well-formed id', "cac_ and 26"),
    "capital id": ([instance("a", ACCOUNT_ID.upper().replace("CAC", "cac"))], "4:26", "E133", "well-formed", "small"),
    "one remote account": (
        [ACME, account("other")], "8:18", "E135", "den/ConnectorAccount/acme at <stdin>:1 claim", "Remove one"
    ),
    "one name": ([ACME, instance("Docs"), instance("docs")], "13:18", "E135", '"docs"', "Remove one"),
    "one name for two": (
        [ACME, instance("a", more=", name: 'X '"), instance("b", more=", name: x")], "13:18", "E135", '"x"', "Remove"
    ),
    "one id": (
        [ACME, instance("a", more=f", id: {INSTANCE_ID}"), instance("b", more=f", id: {INSTANCE_ID}")],
        "13:18", "E135", INSTANCE_ID, "Remove one",
    ),
    "one connector by id": (
        [connector("a", f", connectorId: {PROJECT}"), connector("b", f", connectorId: {PROJECT}")],
        "8:18", "E135", PROJECT, "Remove one",
    ),
    "one connector by name": ([connector("a"), connector("b", ", name: a")], "8:18", "E135", f"{PROJECT} a", "Remove"),
    "unknown connection": (
        [connection("staging"), account("a", more=", connection: stagign")],
        "9:54", "E136", '"stagign" of den is not declared', 'did you mean "staging"?',
    ),
    "no connection": ([account("a", more=", connection: x")], "4:54", "E136", '"x"', "Declare a Connection of den"),
    "connection of the other system": (
        [connection("far", WEXA), account("a", more=", connection: far")], "9:54", "E136", '"far" of', "Declare a Conn"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_fault_between_documents(name: str) -> None:
    documents, place, code, message, hint = ROWS[name]
    found = faults(*documents)

    assert [(f"{one.line}:{one.column}", one.code) for one in found] == [(place, code)]
    assert message in found[0].message
    assert hint in found[0].hint


@pytest.mark.parametrize(
    "documents",
    [
        [ACME, instance("a"), instance("b", ACCOUNT_ID)],
        [instance("a"), ACME],
        [account("cac_main"), instance("a", "cac_main")],
        [account("zzz_" + ACCOUNT_ID[4:]), instance("a", "zzz_" + ACCOUNT_ID[4:])],
        [ACME, connection("far"), account("acme", "1001", ", connection: far")],
        [ACME, account("b", "1002"), connector("acme"), instance("acme")],
        [connector("a"), connector("b"), connector("c", f", connectorId: {PROJECT}")],
        [connector("a", f", connectorId: {PROJECT}"), connector("b", f", connectorId: {PROJECT[::-1]}")],
        [connection("default"), connection("default", WEXA), ACME],
    ],
)
def test_what_is_no_fault(documents: list[str]) -> None:
    assert faults(*documents) == []


def test_places_in_other_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ACME)
    (tmp_path / "b.yaml").write_text("# once more\n" + ACME)

    with pytest.raises(ManifestError) as caught:
        load([tmp_path])

    (found,) = caught.value.faults
    assert (found.file, found.line) == (f"{tmp_path}/b.yaml", 4)
    assert f"first at {tmp_path}/a.yaml:1" in found.message


def test_a_document_with_a_fault_can_still_be_referred_to_and_refers() -> None:
    broken = ACME.replace("displayName", "dispalyName")

    assert [one.code for one in faults(broken, instance("a"), instance("b", "acmee", ", status: x"))] == [
        "E101",
        "E131",
        "E104",
    ]


@pytest.mark.parametrize(
    "lost",
    [
        ACME.replace("metadata:", "metadata: :"),
        ACME.replace("kind: ConnectorAccount", "kind: ConectorAccount"),
        ACME.replace("apiVersion: den", "apiVersion: dne"),
    ],
)
def test_what_a_lost_document_may_have_declared_is_not_called_unknown(lost: str) -> None:
    found = faults(lost, instance("a"), instance("b", "zzz"))

    assert [one.line for one in found if one.code == "E131"] == [14]
    assert len(found) == 2


@dataclass(frozen=True)
class Part:
    """A made-up kind that refers to its own."""

    next: str | None = field("The next one.", reference="Part")
    other: str | None = field("Another one.", reference="Part")


class Parts(RestHandler):
    """Parts are told apart by their names in the manifest alone."""

    def key(self, spec: dict[str, Any]) -> None:
        return None


PART = kind(Part, system="made", handler=Parts(Part, listed="/parts", one="/parts/{id}"))


def part(name: str, line: int, **spec: str) -> Declared:
    """One of them."""
    return Declared(Address("made", "Part", name), PART, dict(spec), Where("parts.yaml", line))


def test_a_circle_is_told_with_its_chain() -> None:
    parts = [part("a", 1, next="b"), part("b", 2, next="c"), part("c", 3, next="b", other="a")]

    found = link(parts, [])

    assert {(one.code, one.line) for one in found} == {("E134", 3)}
    assert [one.message for one in found] == [
        "a circle of references: Part/b -> Part/c -> Part/b",
        "a circle of references: Part/a -> Part/b -> Part/c -> Part/a",
    ]
    assert found[0].hint == "Remove next of one of them."


def test_one_that_refers_to_itself() -> None:
    assert [one.message for one in link([part("a", 1, next="a")], [])] == ["a circle of references: Part/a -> Part/a"]


def test_two_ways_to_one_are_no_circle() -> None:
    parts = [part("a", 1, next="b", other="c"), part("b", 2, next="d"), part("c", 3, next="d"), part("d", 4)]

    assert link(parts, []) == []


def test_a_long_chain_is_followed_without_recursion() -> None:
    parts = [part(str(number), number, next=str(number + 1)) for number in range(5000)]

    assert [one.code for one in link([*parts, part("5000", 5000)], [])] == []
    assert [one.code for one in link([*parts, part("5000", 5000, next="0")], [])] == ["E134"]


def test_of_very_many_names_one_is_still_suggested() -> None:
    parts = [part(f"part-{number}", number) for number in range(5000)]

    (found,) = link([*parts, part("x", 1, next="part-4711x")], [])

    assert found.hint.startswith('did you mean "part-')


class Counted(str):
    """A name that counts its comparisons."""

    __slots__ = ()
    times = 0

    def __eq__(self, other: object) -> bool:
        Counted.times += 1
        return str.__eq__(self, other) is True

    __hash__ = str.__hash__


@pytest.mark.parametrize("declared", [0, 1, 500])
@pytest.mark.parametrize("lost", [(), ("text " * 100,)])
def test_many_faults_take_as_many_comparisons(declared: int, lost: tuple[str, ...]) -> None:
    there = [part(Counted(f"there{number}"), number + 1) for number in range(declared)]
    dangling = [part(Counted(f"part{number}"), 1000 + number, next=f"gone{number}") for number in range(500)]
    Counted.times = 0

    found = link([*there, *dangling], [], lost=lost)

    assert [one.code for one in found] == ["E131"] * 500
    assert Counted.times < 60_000 + 20 * (declared + 500)  # near names may take 50,000 of these


def test_near_names_are_looked_for_until_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def near(word: str, options: tuple[str, ...]) -> str | None:
        compared.append(len(options))
        return options[0]

    monkeypatch.setattr("trueup.manifest.words._near", near)
    there = [part(f"there{number}", number + 1) for number in range(3000)]

    found = link([*there, *(part(f"p{number}", 5000, next=f"ther{number}") for number in range(500))], [])

    assert len(found) == 500
    assert found[0].hint.startswith('did you mean "there0"?')
    assert found[-1].hint.startswith("The Parts declared are there0, there1")
    assert len(compared) < 100


def test_the_faults_of_one_document_compose_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from trueup.manifest import places

    composed: list[str] = []

    def loader(text: str) -> Any:
        composed.append(text)
        return LOADER(text)

    monkeypatch.setattr(places, "LOADER", loader)
    targets = ", ".join(f"{{remoteId: t{number}, targetKind: github_repository, x: 1}}" for number in range(50))

    found = faults(ACME, instance("a", "zzz", f", targets: [{targets}]"))

    assert len(found) > 50
    assert len(composed) == 1
