"""Reading answers that are hardly documented: every shape that was seen, and none that makes it stumble."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.errors import Malformed
from trueup.core.secrets import reveal
from trueup.core.values import Live
from trueup.systems.wexa.answers import add_config, connectors, is_masked
from trueup.systems.wexa.dialect import WexaDialect
from trueup.transport import Answer

PROJECT = "68063653fc2e1fb859700001"
ONE, TWO = "68063653fc2e1fb859700011", "68063653fc2e1fb859700012"
LOADER = {"source": "mongodb", "batch_size": 100, "auth": {"username": "reader", "password": "pass-word"}}
OURS = {"source": "mongodb", "batchSize": 100, "auth": {"username": "reader", "password": "pass-word"}}


def answer(body: Any, method: str = "GET") -> Answer:
    return Answer(200, body, "", method, "/connectors/{projectID}")


def detail(identity: str = ONE, **fields: Any) -> dict[str, Any]:
    return {"connectorID": identity, "sourceName": "crm", "status": "ready", **fields}


# Lists

LISTS: dict[str, Any] = {
    "grouped": [{"category": "crm", "accounts": 1, "accountDetails": [detail()]}, {"category": "x", "accounts": 0}],
    "grouped-in-accounts": [{"category": "crm", "accounts": [detail()]}],
    "flat": [detail(category="crm")],
    "other-id": [{"_id": ONE, "name": "crm", "status": "ready", "category": "crm"}],
    "wrapped": {"data": [detail(category="crm")]},
    "wrapped-groups": {"connectors": [{"category": "crm", "accountDetails": [detail()]}]},
    "padded-name": [detail(sourceName="  crm ", category="crm")],
}


@pytest.mark.parametrize("body", LISTS.values(), ids=LISTS)
def test_a_list_of_any_seen_shape(body: Any) -> None:
    (live,) = connectors(answer(body), PROJECT)
    assert (live.id, live.name, live.server["category"]) == (ONE, "crm", "crm")
    assert live.spec == {"projectId": PROJECT, "connectorId": ONE, "name": "crm", "status": "ready"}


@pytest.mark.parametrize("body", [[], {"data": []}, [{"category": "crm", "accounts": 0}], [{"category": "crm"}]])
def test_a_list_of_nothing(body: Any) -> None:
    assert connectors(answer(body), PROJECT) == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        "text",
        7,
        {},
        {"status": "error", "message": "no"},
        ["text"],
        [[]],
        [{"category": "crm", "accounts": 3}],
        [{"category": "crm", "accountDetails": "x"}],
        [{"category": "crm", "accountDetails": ["x"]}],
        [{"category": "crm", "accountDetails": [{"sourceName": "crm", "status": "ready"}]}],
        [{"sourceName": "crm", "status": "ready"}],
        [detail("not-an-id")],
        [detail("../../etc/passwd")],
        [detail(), detail()],
    ],
)
def test_what_is_no_list_is_malformed_and_nothing_is_concluded(body: Any) -> None:
    with pytest.raises(Malformed):
        connectors(answer(body), PROJECT)


# fmt: off
WORDS = [
    "connectorID", "_id", "id", "sourceName", "name", "status", "category", "accounts",
    "accountDetails", "data", "connectors", "projectID", "config", "data_loader_config", "source", "batch_size",
    "auth", "password", "error", "message", "detail", "success",
]
# fmt: on
JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-1, 600), st.text(max_size=3), st.sampled_from([ONE, TWO, PROJECT])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=15,
)


@given(JSON)
def test_no_json_whatever_makes_a_list_stumble(body: Any) -> None:
    try:
        found = connectors(answer(body), PROJECT)
    except Malformed:
        return
    assert len({live.id for live in found}) == len(found)


@given(JSON)
def test_no_json_whatever_makes_a_configuration_stumble(body: Any) -> None:
    live = Live("Connector", ONE, "crm", {"projectId": PROJECT})
    try:
        add_config(live, answer(body))
    except Malformed:
        return
    for name in ("source", "batchSize", "auth"):
        shown = name in live.spec["dataLoaderConfig"]
        assert shown or ("dataLoaderConfig", name) in live.unreadable, "what is not shown is unreadable"


@given(JSON)
def test_no_json_whatever_makes_an_error_stumble(body: Any) -> None:
    dialect = WexaDialect()
    assert isinstance(dialect.words(body), str)
    assert dialect.failed(answer(body, "GET")) is None
    assert dialect.failed(answer(body, "POST")) is None or dialect.failed(answer(body, "POST"))


# Configuration

PLACES: dict[str, Any] = {
    "nested": {"name": "crm", "config": {"config": {**LOADER, "theirs": 1}}},
    "beside": {"name": "crm", "config": {"config": {"theirs": 1}}, "data_loader_config": LOADER},
    "top": {"name": "crm", **LOADER},
    "wrapped": {"data": {"connector": {"dataLoaderConfig": LOADER}}},
    "renamed": {"config": {"config": {"sourceType": "mongodb", "batchSize": 100, "credentials": LOADER["auth"]}}},
}


@pytest.mark.parametrize("body", PLACES.values(), ids=PLACES)
def test_a_configuration_in_any_seen_place(body: Any) -> None:
    live = Live("Connector", ONE, "crm", {})
    add_config(live, answer(body))
    assert reveal(live.spec["dataLoaderConfig"]) == OURS
    assert live.unreadable == frozenset()
    assert "pass-word" not in repr(live)


def test_a_configuration_that_is_not_there_is_unreadable_throughout() -> None:
    live = Live("Connector", ONE, "crm", {})
    add_config(live, answer({"name": "crm", "config": {"config": {"theirs": 1}}}))
    assert live.spec["dataLoaderConfig"] == {}
    assert live.unreadable == {("dataLoaderConfig", name) for name in ("source", "batchSize", "auth")}


@pytest.mark.parametrize(
    ("auth", "unreadable"),
    [
        ({"username": "reader", "password": "********"}, {("auth", "password")}),
        ({"username": "reader", "password": None}, {("auth", "password")}),
        ({"username": "reader", "password": ""}, {("auth", "password")}),
        ({"username": "reader", "password": "abcd****wxyz"}, {("auth", "password")}),
        ({"username": "reader", "password": "<redacted>"}, {("auth", "password")}),
        ({"username": "reader", "tokens": ["****", "****"]}, {("auth", "tokens")}),
        ({"username": "reader", "nested": {"key": "••••", "id": "7"}}, {("auth", "nested", "key")}),
        ("********", {("auth",)}),
        ([], {("auth",)}),
        (None, {("auth",)}),
    ],
)
def test_what_is_masked_is_unreadable(auth: Any, unreadable: set[tuple[str, ...]]) -> None:
    live = Live("Connector", ONE, "crm", {})
    add_config(live, answer({"config": {"config": {**LOADER, "auth": auth}}}))
    assert live.unreadable == {("dataLoaderConfig", *path) for path in unreadable}


@pytest.mark.parametrize("value", ["********", "••••••", "xxxx", "XXXXXXXX", "[REDACTED]", "(hidden)", "sk-***-abc"])
def test_masks(value: str) -> None:
    assert is_masked(value)


@pytest.mark.parametrize("value", ["reader", "p*ssword", "x", "a**b", "secret", "#1", "https://x.example", "1234"])
def test_what_is_no_mask(value: str) -> None:
    assert not is_masked(value)


@pytest.mark.parametrize("body", [None, "text", [], 7, {"connectorID": TWO, "config": {}}])
def test_what_is_no_connector_or_another_one_is_malformed(body: Any) -> None:
    with pytest.raises(Malformed):
        add_config(Live("Connector", ONE, "crm", {}), answer(body))


# A success that is none


@pytest.mark.parametrize(
    "body",
    [
        {"status": "error", "message": "no such thing"},
        {"status": "ERROR", "detail": "no such thing"},
        {"status": " Failed ", "error": "no such thing"},
        {"success": False, "message": "no such thing"},
        {"error": "no such thing"},
        {"status": False, "detail": [{"msg": "no such thing", "loc": ["body"]}]},
        {"statusCode": 500, "message": "no such thing"},
        {"status": 422, "message": "no such thing"},
    ],
)
def test_a_200_that_says_no(body: Any) -> None:
    assert WexaDialect().failed(answer(body, "POST")) == "no such thing"


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success", "message": "Updated connector status to pending for connectorID x"},
        {"status": "ok"},
        {"success": True},
        {"status": 200, "message": "done"},
        {},
        {"error": None, "status": "success"},
        {"status": "pending"},
    ],
)
def test_a_200_that_says_yes(body: Any) -> None:
    assert WexaDialect().failed(answer(body, "POST")) is None


def test_what_a_connector_says_of_itself_is_no_failure_of_the_request() -> None:
    assert WexaDialect().failed(answer({"status": "failed", "error": "of the connector"}, "GET")) is None
