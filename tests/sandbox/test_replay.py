"""The embedded Den is held to recorded exchanges of the real one, and to the document that it publishes.

`TRUEUP_RECORDINGS` names another file of recordings to replay.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from repository import ROOT
from sandbox_replay import LOOSE, RECORDINGS, Exchange, Ids, Outcome, Replay, differences, read
from sandbox_server import DenServer, StandingClock

DOCUMENT = ROOT.parent / "shared" / "den" / "openapi.json"
FILE = Path(os.environ.get("TRUEUP_RECORDINGS", RECORDINGS))


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    return read(FILE)


@pytest.fixture(scope="module")
def outcomes(exchanges: list[Exchange]) -> list[Outcome]:
    with DenServer(clock=StandingClock) as server:
        return list(Replay(server, exchanges).run())


def test_every_answer_is_the_recorded_one(
    exchanges: list[Exchange], outcomes: list[Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [f"{outcome.exchange.case}: {fault}" for outcome in outcomes for fault in outcome.faults]
    prepared = sum(exchange.prepared for exchange in exchanges)
    agreed = f"{len(outcomes) - prepared} over plain HTTP and {prepared} after preparation"
    with capsys.disabled():
        print(f"\nreplayed {agreed}")
    assert wrong == []
    assert len(outcomes) == len(exchanges)


@pytest.mark.skipif(FILE != RECORDINGS, reason="other recordings hold other numbers")
def test_nothing_of_the_recordings_is_left_out(exchanges: list[Exchange]) -> None:
    prepared = sum(exchange.prepared for exchange in exchanges)
    assert (len(exchanges) - prepared, prepared) == (239, 31)


def test_a_difference_would_be_seen(exchanges: list[Exchange]) -> None:
    """Whatever is not loose and is altered in a recorded body is told when the body itself comes back."""
    blind = []
    for exchange in exchanges:
        for altered, where in _altered(exchange.body):
            told = list(differences(dataclasses.replace(exchange, body=altered), exchange.body, Ids()))
            loose = exchange.case.startswith("sync.poll") or where.endswith(_LOOSE)
            if not told and not loose:
                blind.append(f"{exchange.case} {where}")
    assert blind == []


_LOOSE = (*tuple(LOOSE), "user/name", "owner/name", "organization/name")


def _altered(body: Any) -> Iterator[tuple[Any, str]]:
    """Copies of a body, each with one leaf that is of another kind or value, and where that leaf is."""

    def leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        if isinstance(value, dict | list) and value:
            for key in value if isinstance(value, dict) else range(len(value)):
                yield from leaves(value[key], (*path, key))
        else:
            yield path

    for path in leaves(body, ()):
        if path:
            changed = copy.deepcopy(body)
            *above, last = path
            holder = changed
            for key in above:
                holder = holder[key]
            holder[last] = "altered"
            yield changed, "/".join(map(str, path))


UNDOCUMENTED = {
    "accounts.create.duplicate-remoteId": "500 on a duplicate",
    "instances.create.duplicate-name": "500 on a duplicate",
    "instances.patch.duplicate-name": "500 on a duplicate",
    "mappings.create.duplicate": "500 on a duplicate",
    "github.validate-target": "500 without a GitHub app",
    "github.install-start": "409 without a GitHub app",
    "github.repositories": "409 without a GitHub app",
    "github.setup": "409 without a GitHub app",
    "github.discovery": "409 without a GitHub app",
    "github.discovery-apply": "409 without a GitHub app",
    "instances.list.x-openwork-org-id-foreign": "404 for an organisation one is no member of",
    "instances.get.as-member-no-grant": "403 for what one may not see",
}
"""Cases whose status the document does not know: the recording wins."""

CONTRADICTED = {
    "instances.patch.malformed": "400 as text, where the document says JSON",
    "github.install-complete": "400 with an error of its own, where the document knows invalid_request alone",
}
"""Cases whose body breaks the schema that the document gives for it: the recording wins."""


def test_answers_fit_the_document(outcomes: list[Outcome]) -> None:
    if not DOCUMENT.exists():
        pytest.skip("the document of the API is not beside this repository")
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    checked, ours = 0, []
    unknown: dict[tuple[str, str, int], str] = {}
    broken: dict[str, str] = {}
    for outcome in outcomes:
        exchange = outcome.exchange
        path = _documented(document, exchange.request["path"])
        method = exchange.request["method"].lower()
        operation = document["paths"].get(path, {}).get(method)
        if operation is None:
            continue
        answer = operation["responses"].get(str(outcome.status))
        if answer is None:
            unknown.setdefault((path, method, outcome.status), exchange.case)
            continue
        checked += 1
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {"type": "null"})
        validator = OAS31Validator(schema | {"components": document["components"]})
        if faults := [error.message for error in validator.iter_errors(outcome.body)]:
            broken[exchange.case] = faults[0]
            if validator.is_valid(exchange.body):
                ours.append(f"{exchange.case}: {faults[0]}")
    assert ours == []
    assert checked
    if FILE == RECORDINGS:
        assert set(unknown.values()) == UNDOCUMENTED.keys()
        assert broken.keys() == CONTRADICTED.keys()


def _documented(document: dict[str, Any], path: str) -> str:
    """The path of the document that a request went to, or an empty text. Written-out parts go before placeholders."""
    for template in sorted(document["paths"], key=lambda template: template.count("{")):
        if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path):
            return str(template)
    return ""
