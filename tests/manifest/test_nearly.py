"""Near misses of a manifest, in every spelling, and what only looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.core.errors import Fault, ManifestError
from trueup.manifest import load

ACCOUNT = (
    "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: b}\nspec: {remoteId: b, displayName: b}\n"
)
BARE = ACCOUNT.partition("\n")[2]
OTHER = ACCOUNT.replace("den.trueup.dev", "den.example.io")


def faults(text: str, folder: Path) -> list[Fault]:
    (folder / "b.yaml").write_text(text)
    with pytest.raises(ManifestError) as caught:
        load([folder])
    return caught.value.faults


def is_passed_over(text: str, folder: Path) -> bool:
    (folder / "a.yaml").write_text(ACCOUNT)
    (folder / "b.yaml").write_text(text)
    found = load([folder])
    return (len(found.resources), len(found.skipped)) == (1, 1)


VERSIONS = [
    *("den.trueup.io/v1", "trueup.io/v1", "trueup.dev/v1", "den.trueup.dev", "den.trueup.devv1", "den.trueup.dev//v1"),
    *(" den.trueup.dev/v1 ", "DEN.Trueup.Dev/V1", "den.true-up.dev/v1", "den.true_up.com/v1", "den.trueup.dev:v1"),
    *("https://den.trueup.dev/v1", "den.tureup.dev/v1", "den.trueup.dev/v1alpha1", "den/v1", "den.dev/v1"),
]


@pytest.mark.parametrize("version", VERSIONS)
def test_an_api_version_like_ours(version: str, tmp_path: Path) -> None:
    assert faults(ACCOUNT.replace("den.trueup.dev/v1", f'"{version}"'), tmp_path)[0].code == "E106"


@pytest.mark.parametrize("domain", ["dev", "io"])
@pytest.mark.parametrize("key", ["apiversion", "ApiVersion", "API_VERSION", "api-version", "version", "apiVerison"])
def test_its_key_in_another_spelling(key: str, domain: str, tmp_path: Path) -> None:
    text = ACCOUNT.replace("apiVersion", key).replace("trueup.dev", f"trueup.{domain}")
    assert faults(text, tmp_path)[0].code == "E102"


KINDS = [
    *("connectorAccount", "CONNECTORACCOUNT", "Connector_Account", "connector-account", "Connector Account"),
    *("ConnectorAccounts", "ConectorAccount", '"ConnectorAccount "', "DenConnectorAccount", "!!str ConnectorAccount"),
    *("&a ConnectorAccount", ">-\n  ConnectorAccount"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [BARE, OTHER])
def test_a_kind_like_ours_without_our_api_version(text: str, kind: str, tmp_path: Path) -> None:
    assert faults(text.replace("kind: ConnectorAccount", f"kind: {kind}"), tmp_path)


@pytest.mark.parametrize("key", ["Kind", "KIND", "knd"])
def test_the_key_of_a_kind_in_another_spelling(key: str, tmp_path: Path) -> None:
    assert faults(ACCOUNT.replace("kind", key), tmp_path)[0].code == "E102"
    assert faults(BARE.replace("kind", key), tmp_path)[0].code == "E102"


@pytest.mark.parametrize("name", ["remoteId", "remoteID", "RemoteId", "remote_id", "remote-id", "connector_account"])
@pytest.mark.parametrize("shape", ["metadata: {name: b}\nspec: {%s: b}\n", "Metadata: {Name: b}\nSPEC: {%s: b}\n"])
def test_our_fields_in_another_spelling_and_nothing_else(shape: str, name: str, tmp_path: Path) -> None:
    assert faults(shape % name, tmp_path)[0].code == "E102"


def indented(text: str) -> str:
    return text.replace("\n", "\n  ")


INSIDE = {
    "a version that is nearly ours": ACCOUNT.replace("trueup", "truup"),
    "a kind that is nearly ours": ACCOUNT.replace("Account", "Acount"),
    "no kind": ACCOUNT.replace("kind: ConnectorAccount\n", ""),
}


@pytest.mark.parametrize("case", INSIDE)
def test_a_list_of_what_is_nearly_ours(case: str, tmp_path: Path) -> None:
    text = f"apiVersion: v1\nkind: List\nitems:\n- {indented(INSIDE[case])}"
    assert faults(text, tmp_path)[0].code == "E106"
    assert faults(f"- {indented(INSIDE[case])}", tmp_path)[0].code == "E108"


def test_a_broken_file_with_a_kind_that_is_ours_alone(tmp_path: Path) -> None:
    assert faults("kind: ConnectorAccount\nmetadata: [\n", tmp_path)[0].code == "E110"
    assert is_passed_over("kind: Connection\nmetadata: [\n", tmp_path)


PASSED = {
    "another tool's kind of a name of ours": OTHER.replace("ConnectorAccount", "Connector"),
    "a reference to one of ours": (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  ownerReferences:\n"
        "  - {apiVersion: den.trueup.dev/v1, kind: ConnectorAccount, name: b, uid: x}\n"
    ),
    "a text in a ConfigMap": f"apiVersion: v1\nkind: ConfigMap\ndata:\n  b.yaml: |\n    {ACCOUNT!r}\n",
    "a patch in a kustomization": f"patches:\n- patch: |\n    {indented(indented(ACCOUNT))}\n",
    "a comment": "# See https://trueup.dev/docs.\nservices: {}\n",
    "a definition": "apiVersion: apiextensions.k8s.io/v1\nkind: X\nspec: {group: den.trueup.dev}\n",
    "a role": "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nrules:\n- apiGroups: [den.trueup.dev]\n",
    "an annotation": "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {trueup.dev/managed: 'no'}}\n",
    "a vault": "$ANSIBLE_VAULT;1.1;AES256\n3566353\n",
    "a workflow": "on: push\njobs: {x: {steps: [{uses: trueup/action@v1}]}}\n",
    "a schema": "openapi: 3.1.0\ncomponents: {schemas: {X: {properties: {objectType: {type: string}}}}}\n",
}


@pytest.mark.parametrize("case", PASSED)
def test_what_only_speaks_of_us_is_passed_over(case: str, tmp_path: Path) -> None:
    assert is_passed_over(PASSED[case], tmp_path)


def test_json_with_an_escaped_slash_mentions_us(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("b.yaml\n")
    text = '{"apiVersion":"den.trueup.dev\\/v1","kind":"ConnectorAccount",'
    assert faults(f"{text}\n", tmp_path)[0].code == "E110"
    (tmp_path / "b.yaml").write_text(f'{text}"metadata":{{"name":"b"}},"spec":{{"remoteId":"b","displayName":"b"}}}}')
    assert len(load([tmp_path]).resources) == 1
