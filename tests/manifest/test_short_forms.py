"""Short forms: targets and access within an instance, mappings within a target, as if each had its own document."""

from __future__ import annotations

from pathlib import Path

import pytest
from commands import inside
from world import World

from trueup.core.errors import ManifestError
from trueup.manifest import load

HEAD = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata:
  name: docs
  labels: {team: platform}
  annotations: {trueup.dev/protect: "true", trueup.dev/renamed-from: wiki}
spec:
  connectorAccount: cac_01m8000000000000000000acme
"""
BODY = """\
  targets:
  - remoteId: " acme/docs "
    config: {branch: main}
    mappings:
    - mappingKind: path
      selector: skills/**
      objectType: skill
  - remoteId: acme/other
  access:
    exclusive: true
    grants:
    - member: owner@example.test
      role: manager
    - {organization: true, role: viewer}
"""


def faults(folder: Path, text: str) -> list[str]:
    (folder / "a.yaml").write_text(text)
    with pytest.raises(ManifestError) as raised:
        load([folder])
    return [f"{one.line}:{one.column} {one.code} {one.message}" for one in raised.value.faults]


def test_each_item_is_a_resource_of_its_own_with_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD + BODY)
    found = {str(one.address).removeprefix("den/"): one for one in load([tmp_path]).resources}
    assert list(found) == [
        "ConnectorInstance/docs",
        "ConnectorTarget/docs:acme-docs",
        "ConnectorMapping/docs:acme-docs:skill:skills-**",
        "ConnectorTarget/docs:acme-other",
        "ConnectorAccess/docs:owner@example.test",
        "ConnectorAccess/docs:organization",
    ]
    target = found["ConnectorTarget/docs:acme-docs"]
    assert target.spec == {"connectorInstance": "docs", "remoteId": "acme/docs", "config": {"branch": "main"}}
    assert (target.place.line, target.locate(("config", "branch")).line) == (10, 11)
    mapping = found["ConnectorMapping/docs:acme-docs:skill:skills-**"]
    assert mapping.spec["connectorTarget"] == "docs:acme-docs"
    assert mapping.locate(("selector",)).line == 14
    assert found["ConnectorInstance/docs"].spec["access"] == {"exclusive": True}
    assert all(one.labels == {"team": "platform"} and one.protected for one in found.values())
    assert [one.annotations for one in found.values()][1] == {"trueup.dev/protect": "true"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("  targets: {}\n", ["9:12 E103 targets must be a list, but it is a mapping"]),
        ("  targets: [x]\n", ["9:13 E103 targets[0] must be a mapping"]),
        ("  targets:\n  - config: {}\n", ["10:5 E102 targets[0] lacks remoteId"]),
        ("  targets:\n  - {remoteId: a, remoteid: b}\n", ['10:19 E101 unknown key "remoteid" in targets[0]']),
        (
            "  targets:\n  - {remoteId: a, connectorInstance: docs}\n",
            ['10:19 E101 unknown key "connectorInstance" in targets[0]'],
        ),
        (
            "  targets:\n  - remoteId: a\n    mappings:\n    - {mappingKind: path, selector: x, objectType: skil}\n",
            ['12:52 E104 targets[0].mappings[0].objectType "skil" is not one of'],
        ),
        (
            "  access:\n  - {organization: true, role: viewer}\n",
            ["10:3 E103 access must be a mapping, but it is a list"],
        ),
        (
            "  access: {grants: [{role: viewer}]}\n",
            ["9:21 E102 access.grants[0] needs exactly one of member, team and"],
        ),
        (
            "  access: {grants: [{member: a@b.c, team: x, role: viewer}]}\n",
            ["9:21 E105 access.grants[0] needs exactly one of member, team and organization, and this has member and"],
        ),
        (
            "  access: {grants: [{member: not-an-email, role: viewer}]}\n",
            ['9:30 E105 access.grants[0].member "not-an-email" is not an e-mail address or the id of a member: om_'],
        ),
        ("  access: {grants: [{organization: false, role: viewer}]}\n", ["9:36 E104 access.grants[0].organization is"]),
        ("  access: {grants: [{team: x, role: edtor}]}\n", ['9:37 E104 access.grants[0].role "edtor" is not one of']),
        ("  access: {exclusive: 1}\n", ["9:23 E103 access.exclusive must be true or false"]),
        (
            "  targets:\n  - {remoteId: a/b}\n  - {remoteId: A/B}\n",
            ["11:5 E135 den/ConnectorTarget/docs:A-B and den/ConnectorTarget/docs:a-b at FOLDER/a.yaml:10 claim"],
        ),
        (
            "  targets:\n  - {remoteId: a}\n  - {remoteId: a}\n",
            ["11:5 E130 den/ConnectorTarget/docs:a is declared twice, first at FOLDER/a.yaml:10"],
        ),
        (
            "  access:\n    grants:\n    - {team: x, role: viewer}\n    - {team: x, role: editor}\n",
            ["12:7 E130 den/ConnectorAccess/docs:x is declared twice, first at FOLDER/a.yaml:11"],
        ),
        ("  targets:\n  - {remoteId: a, config: {token: ghp_abcdefghijkl}}\n", ["10:35 E140 targets[0].config.token"]),
    ],
)
def test_faults_have_their_place(body: str, expected: list[str], tmp_path: Path) -> None:
    found = faults(tmp_path, HEAD + body)
    assert len(found) == len(expected), found
    for one, start in zip(found, expected, strict=True):
        assert one.startswith(start.replace("FOLDER", str(tmp_path))), found


def test_of_two_equal_items_one_is_to_go(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(f"{HEAD}  targets:\n  - {{remoteId: a}}\n  - {{remoteId: a}}\n")
    with pytest.raises(ManifestError) as raised:
        load([tmp_path])
    assert [(one.hint, one.excerpt) for one in raised.value.faults] == [("Remove one of the two.", "  - {remoteId: a}")]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        ("trueup.dev/protct: 'true'", 'E101 unknown annotation "trueup.dev/protct"'),
        ("trueup.dev/protect: 'yes'", "E104"),
        ("trueup.dev/protect: true", "E104"),
        ("trueup.dev/renamed-from: ' '", "E105"),
        ("trueup.dev/renamed-from: ''", "E105"),
    ],
)
def test_annotations_of_ours_are_checked(annotation: str, expected: str, tmp_path: Path) -> None:
    head = HEAD.replace('{trueup.dev/protect: "true", trueup.dev/renamed-from: wiki}', f"{{{annotation}}}")
    (found,) = faults(tmp_path, head)
    assert expected in found


def test_annotations_of_others_are_theirs(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HEAD.replace("trueup.dev/renamed-from: wiki", "example.com/trueup.dev: x, a: b"))
    assert len(load([tmp_path]).resources) == 1


def test_a_short_form_converges_and_points_at_its_items(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        HEAD.replace("cac_01m8000000000000000000acme", "acme").replace(", trueup.dev/renamed-from: wiki", "")
        + BODY
        + """\
---
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
"""
    )
    where = ["-f", str(tmp_path), "--state", str(world.folder)]
    done = inside("apply", *where, "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    done = inside("plan", *where, "--detailed-exitcode")
    assert done.returncode == 0, done.stdout
    row = world.row("den.connectorTargets", remoteId="acme/other")
    world.upstream("person", kind="connector-target", id=row["id"], set={"externalTargetRef": "x"})
    text = (
        (tmp_path / "a.yaml")
        .read_text()
        .replace("  - remoteId: acme/other\n", "  - remoteId: acme/other\n    externalTargetRef: main\n")
    )
    (tmp_path / "a.yaml").write_text(text)
    done = inside("plan", *where, "--target", "den/ConnectorInstance/docs")
    assert "den/ConnectorTarget/docs:acme-other" in done.stdout
    assert "a.yaml:17" in done.stdout, done.stdout
