"""Manifests in a program, without an engine: which resources are declared, and with what."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks

from trueup.pulumi import ConfigFile

IDS = {"connectorInstance": "cin_" + "0" * 26, "connectorTarget": "ctg_" + "0" * 26, "mapping": "cmp_" + "0" * 26}
HEAD = "apiVersion: den.trueup.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n"


class Engine(mocks.Mocks):
    """Remembers what is registered."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        self.seen[f"{args.typ}::{args.name}"] = args
        return f"{args.name}-id", args.inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        return {}, None


@pytest.fixture
def engine() -> Iterator[Engine]:
    asyncio.set_event_loop(asyncio.new_event_loop())
    found = Engine()
    mocks.set_mocks(found, project="test", stack="dev", preview=False)
    yield found
    asyncio.get_event_loop().close()
    asyncio.set_event_loop(None)


def document(kind: str, name: str, *lines: str) -> str:
    return HEAD.format(kind=kind, name=name) + "".join(f"  {line}\n" for line in lines) + "---\n"


def declared(engine: Engine, folder: Path, *documents: str, **more: Any) -> dict[str, Any]:
    """What a program with those manifests registers, by type and name."""
    (folder / "all.yaml").write_text("".join(documents).removesuffix("---\n"))

    def program() -> None:
        ConfigFile("all", str(folder), **more)

    pulumi.runtime.test(program)()  # type: ignore[no-untyped-call]
    return engine.seen


def test_documents_and_short_forms_refer_to_each_other(engine: Engine, tmp_path: Path) -> None:
    seen = declared(
        engine,
        tmp_path,
        document("ConnectorAccount", "acme", 'remoteId: "1001"', "displayName: acme"),
        document("ConnectorInstance", "docs", "connectorAccount: acme", "targets: [{remoteId: acme/docs}]"),
    )
    docs = seen["trueup:den:ConnectorInstance::docs"]
    assert docs.inputs == {"connectorAccount": "acme-id", "name": "docs"}
    (target,) = [one for name, one in seen.items() if name.startswith("trueup:den:ConnectorTarget::")]
    assert target.inputs == {"connectorInstance": "docs-id", "remoteId": "acme/docs"}


def test_a_mapping_is_imported_by_both_its_ids(engine: Engine, tmp_path: Path) -> None:
    lines = ["mappingKind: path", "selector: s", "objectType: skill", f"id: {IDS['mapping']}"]
    target = f"connectorTarget: {IDS['connectorTarget']}"
    seen = declared(engine, tmp_path, document("ConnectorMapping", "skills", target, *lines))
    assert seen["trueup:den:ConnectorMapping::skills"].resource_id == f"{IDS['connectorTarget']}/{IDS['mapping']}"


def test_an_id_that_cannot_be_composed_is_told_with_its_place(engine: Engine, tmp_path: Path) -> None:
    lines = ["mappingKind: path", "selector: s", "objectType: skill", f"id: {IDS['mapping']}"]
    target = f"connectorInstance: {IDS['connectorInstance']}"
    with pytest.raises(pulumi.RunError, match=r"all\.yaml:\d+: .*takes only with that of its connectorTarget"):
        declared(
            engine,
            tmp_path,
            document("ConnectorTarget", "main", target, "remoteId: acme/docs"),
            document("ConnectorMapping", "skills", "connectorTarget: main", *lines),
        )


def test_another_connection_takes_a_provider_and_names_of_its_own(engine: Engine, tmp_path: Path) -> None:
    documents = [
        document("Connection", "staging", "url: sandbox"),
        document("ConnectorAccount", "acme", 'remoteId: "1001"', "displayName: acme"),
        document("ConnectorAccount", "acme", 'remoteId: "1001"', "displayName: acme", "connection: staging"),
    ]
    with pytest.raises(pulumi.RunError, match="for which no provider is given"):
        declared(engine, tmp_path, *documents)
    seen = declared(engine, tmp_path, *documents, providers={"staging": Staging("staging")})
    assert {"trueup:den:ConnectorAccount::acme", "trueup:den:ConnectorAccount::staging/acme"} <= seen.keys()


def test_every_fault_is_told_with_its_place(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        declared(engine, tmp_path, document("ConnectorAccount", "acme", "remoteID: x"))
    said = str(caught.value)
    assert 'all.yaml:5:3: error[E101]: unknown key "remoteID" in spec of ConnectorAccount' in said
    assert 'did you mean "remoteId"?' in said
    assert "lacks displayName" in said


class Staging(pulumi.ProviderResource):
    def __init__(self, name: str) -> None:
        super().__init__("trueup", name, {})
