"""Where a credential is sent, whose it is, and what is refused before anything is planned."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from declare import DEN, WEXA, account, connector, declared, declared_connection, instance, manifest
from hypothesis import example, given
from hypothesis import strategies as st
from world import World, actions

from trueup.core.errors import SafetyError, SecretError, UsageError
from trueup.core.kinds import Declaration
from trueup.core.secrets import Reference
from trueup.core.values import ConnectionId
from trueup.engine.connections import check_url, needed_by, redirect, settings_for
from trueup.engine.select import Selection, select
from trueup.sandbox.presets import DEMO_PROJECT
from trueup.systems.den.connection import URL as DEN_URL

KEY = "k" * 70


def den(name: str = "default", **spec: Any) -> Declaration:
    return declared_connection(DEN, name, **{"apiKey": KEY, **spec})


def known(*connections: Declaration) -> dict[ConnectionId, Declaration]:
    return manifest(connections=connections).connections


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for system in ("DEN", "WEXA"):
        for part in ("URL", "API_KEY", "ALLOW_HTTP"):
            monkeypatch.delenv(f"TRUEUP_{system}_{part}", raising=False)


# URLs

GOOD = [
    "https://den.example.com",
    "https://den.example.com:8443/base/path/",
    "HTTPS://Den.Example.com",
    "http://127.0.0.1:8080",
    "http://127.8.9.10",
    "http://localhost:1",
    "http://[::1]:8080",
    "http://[::ffff:127.0.0.1]:8080",
    "sandbox",
]
BAD = [
    "http://den.example.com",
    "http://10.0.0.7",
    "http://127.0.0.1.example.com",
    "http://localhost.example.com",
    "http://0.0.0.0",
    "http://2130706433",
    "http://[::ffff:8.8.8.8]",
    "https://user:password@den.example.com",
    "https://user@den.example.com",
    "http://127.0.0.1@den.example.com",
    "https://den.example.com?x=1",
    "https://den.example.com#x",
    "https://",
    "https:///path",
    "https://den example.com",
    "https://den.example.com:port",
    "https://den.example.com:99999",
    "https://[::1",
    "https://[::1]x",
    "https://[v1.x]",
    "https://300.1.1.1",
    "https://127.0.0.01",
    "https://den.example.com\n",
    "ftp://den.example.com",
    "file:///etc/passwd",
    "den.example.com",
    "//den.example.com",
    "javascript:alert(1)",
    "Sandbox",
    "",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_url_that_a_credential_may_be_sent_to(url: str) -> None:
    check_url("den", url, allow_http=False, origin="x")


@pytest.mark.parametrize("url", BAD)
def test_a_url_that_a_credential_is_not_sent_to(url: str) -> None:
    with pytest.raises(UsageError) as raised:
        check_url("den", url, allow_http=False, origin="app.yaml:3")
    assert "app.yaml:3" in str(raised.value)
    assert "password" not in str(raised.value).replace("a password", "")


def test_http_elsewhere_has_to_be_asked_for() -> None:
    check_url("den", "http://den.cluster.local", allow_http=True, origin="x")
    for url in ("ftp://den.cluster.local", "http://user:password@den.cluster.local"):
        with pytest.raises(UsageError):
            check_url("den", url, allow_http=True, origin="x")


@example("https://a\tb")
@example("https://ex\u2025ample.com")
@example("http://127.0.0.1\\@evil.example")
@example("https://%")
@given(
    st.one_of(
        st.text(max_size=30), st.text(max_size=20).map("https://".__add__), st.text(max_size=20).map("http://".__add__)
    )
)
def test_what_passes_is_a_url_that_leads_where_it_says(url: str) -> None:
    try:
        check_url("den", url, allow_http=False, origin="x")
    except UsageError:
        return
    if url != "sandbox":
        seen = httpx.URL(url)
        assert seen.host
        assert not seen.userinfo
        if seen.scheme != "https":
            assert seen.host == "localhost" or seen.host.startswith("127.") or seen.host == "::1"


# From the environment


def test_the_environment_makes_a_default_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", KEY)
    monkeypatch.setenv("TRUEUP_WEXA_API_KEY", "w" * 30)
    monkeypatch.setenv("TRUEUP_WEXA_URL", "http://127.0.0.1:9")
    found = settings_for(needed_by([account(), connector("crm", DEMO_PROJECT)]), {})
    assert found[ConnectionId("den", "default")].url == DEN_URL
    assert found[ConnectionId("wexa", "default")].url == "http://127.0.0.1:9"
    key = found[ConnectionId("den", "default")].credential.key
    assert key is not None
    assert key.reveal() == KEY
    assert KEY not in repr(found)


def test_only_what_is_needed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", KEY)
    assert list(settings_for(needed_by([account()]), {})) == [("den", "default")]
    assert settings_for(needed_by([]), known(den(apiKey=Reference("env", "NO_SUCH_VARIABLE")))) == {}


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_key_names_its_variable(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("TRUEUP_DEN_API_KEY", value)
    with pytest.raises(SecretError, match="TRUEUP_DEN_API_KEY"):
        settings_for(needed_by([account()]), {})


def test_every_missing_credential_is_told() -> None:
    with pytest.raises(SecretError) as raised:
        settings_for(needed_by([account(), connector("crm", DEMO_PROJECT)]), {})
    assert "TRUEUP_DEN_API_KEY" in str(raised.value)
    assert "TRUEUP_WEXA_API_KEY" in str(raised.value)


def test_a_url_of_the_environment_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", KEY)
    monkeypatch.setenv("TRUEUP_DEN_URL", "http://den.example.com")
    with pytest.raises(UsageError, match="TRUEUP_DEN_URL"):
        settings_for(needed_by([account()]), {})


@pytest.mark.parametrize("value", ["two\nlines-of-a-key", "trailing-newline-key\n", "key-with-ümlaut", " padded-key"])
def test_a_key_that_is_none_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", value)
    with pytest.raises(SecretError) as raised:
        settings_for(needed_by([account()]), {})
    assert "TRUEUP_DEN_API_KEY" in str(raised.value)
    assert value.strip() not in str(raised.value)


# From Connection documents


def test_a_connection_says_it_all() -> None:
    one = den(url="https://den.example.com", timeout=7, concurrency=2, organization="org_" + "0" * 26)
    found = settings_for(needed_by([account()]), known(one))[ConnectionId("den", "default")]
    assert (found.url, found.timeout, found.concurrency) == ("https://den.example.com", 7, 2)
    assert found.tenant == found.credential.tenant == "org_" + "0" * 26


def test_a_connection_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_DEN_URL", "https://environment.example.com")
    monkeypatch.setenv("TRUEUP_DEN_API_KEY", "e" * 70)
    found = settings_for(needed_by([account()]), known(den(url="https://declared.example.com")))[
        ConnectionId("den", "default")
    ]
    assert found.url == "https://declared.example.com"
    assert found.credential.key is not None
    assert found.credential.key.reveal() == KEY


def test_an_unknown_connection_is_told() -> None:
    wanted = declared(DEN, "ConnectorAccount", "acme", "staging", remoteId="1", displayName="a")
    with pytest.raises(UsageError, match="staging"):
        settings_for(needed_by([wanted]), known(den()))


def test_a_reference_that_leads_nowhere_is_told() -> None:
    with pytest.raises(SecretError, match="NO_SUCH_VARIABLE"):
        settings_for(needed_by([account()]), known(den(apiKey=Reference("env", "NO_SUCH_VARIABLE"))))


def test_two_ways_to_write_one_server_are_one_scope() -> None:
    urls = ["https://den.example.com", "https://DEN.example.com/", "https://den.example.com:443"]
    scopes = {
        settings_for(needed_by([account()]), known(den(url=url)))[ConnectionId("den", "default")].scope for url in urls
    }
    assert len(scopes) == 1


# --connection


def test_the_same_manifests_on_another_connection() -> None:
    wexa = declared_connection(WEXA, "default", apiKey=KEY)
    connections = known(den(), den("staging"), wexa)
    found = redirect([account(), connector("crm", DEMO_PROJECT)], connections, "staging")
    assert [str(one.address) for one in found] == [
        "den:staging/ConnectorAccount/acme",
        "wexa/Connector/crm",
    ], "a system that has none of that name stays where it is"


def test_a_connection_that_nobody_declared_lists_those_that_are() -> None:
    with pytest.raises(UsageError, match="prod") as raised:
        redirect([account()], known(den(), den("staging")), "prod")
    assert "staging" in str(raised.value)


def test_references_follow_to_the_other_connection() -> None:
    found = redirect([account(), instance("docs")], known(den("staging")), "staging")
    assert {one.address.connection for one in found} == {"staging"}


async def test_a_run_goes_to_the_connection_it_is_told(world: World) -> None:
    url, key = world.sandbox.ready["den"]["url"], world.sandbox.ready["den"]["apiKey"]
    there = (den(url="http://127.0.0.1:9"), den("staging", url=url, apiKey=key))
    report = await world.apply(account(), instance("docs"), connections=there, connection="staging")
    assert report.exit_code == 0
    assert [str(one.address) for one in report.outcomes] == [
        "den:staging/ConnectorAccount/acme",
        "den:staging/ConnectorInstance/docs",
    ]


# The guard of the organisation


def guarded(world: World, organization: str, **more: Any) -> tuple[Declaration]:
    ready = world.sandbox.ready["den"]
    return (den(url=ready["url"], apiKey=ready["apiKey"], organization=organization, **more),)


def own(world: World) -> str:
    return str(world.sandbox.den.get("/v1/org").json()["organization"]["id"])


async def test_the_right_organization_passes_without_a_request_of_its_own(world: World) -> None:
    connections = guarded(world, own(world))
    world.forget()
    await world.plan(account("acme-archive", remoteId="1002"), connections=connections)
    assert world.routes()["GET /v1/org"] == 0


@pytest.mark.parametrize("empty", [False, True])
async def test_the_wrong_organization_is_refused_before_anything_is_sent(world: World, empty: bool) -> None:
    if empty:
        for row in world.rows("den.connectorAccounts"):
            world.upstream("person", kind="connector-account", id=row["id"], remove=True)
    connections = guarded(world, "org_" + "0" * 26)
    mine = own(world)
    world.forget()
    with pytest.raises(SafetyError) as raised:
        await world.apply(account(), connections=connections)
    assert raised.value.exit_code == 3
    assert mine in str(raised.value)
    assert "org_" + "0" * 26 in str(raised.value)
    assert world.writes() == []


async def test_an_empty_organization_is_asked_for_its_name(world: World) -> None:
    for row in world.rows("den.connectorAccounts"):
        world.upstream("person", kind="connector-account", id=row["id"], remove=True)
    connections = guarded(world, own(world))
    world.forget()
    assert actions(await world.plan(account(), connections=connections)) == {"acme": "create"}
    assert world.routes()["GET /v1/org"] == 1


async def test_an_organization_that_does_not_say_who_it_is_is_not_trusted(world: World) -> None:
    for row in world.rows("den.connectorAccounts"):
        world.upstream("person", kind="connector-account", id=row["id"], remove=True)
    connections = guarded(world, own(world))
    world.fault(system="den", route="/v1/org", status=200, body={"organization": None})
    with pytest.raises(Exception, match="no organization"):
        await world.plan(account(), connections=connections)


async def test_a_key_of_another_organization_sees_only_its_own(world: World) -> None:
    other = world.sandbox.control.get("/principals").json()["other-org-api-key"]["x-api-key"]
    url = world.sandbox.ready["den"]["url"]
    mine = own(world)
    with pytest.raises(SafetyError, match="meant for"):
        await world.plan(account(), connections=(den(url=url, apiKey=other, organization=mine),))


# Narrowing a run


def test_a_target_brings_along_what_it_refers_to() -> None:
    wanted = [
        account("a", remoteId="1"),
        account("b", remoteId="2"),
        instance("x", connectorAccount="b"),
        instance("y"),
    ]
    found = select(wanted, Selection(("den/ConnectorInstance/x",)))
    assert [one.address.name for one in found] == ["b", "x"]


def test_a_target_that_refers_by_id_comes_alone() -> None:
    wanted = [account(), instance("x", connectorAccount="cac_1")]
    assert [one.address.name for one in select(wanted, Selection(("den/ConnectorInstance/x",)))] == ["x"]


def test_an_unknown_target_lists_near_ones() -> None:
    with pytest.raises(UsageError, match="den/ConnectorInstance/docs"):
        select([account(), instance("docs")], Selection(("den/ConnectorInstance/dosc",)))


async def test_a_run_for_a_few_targets_looks_only_for_those(thousand: World) -> None:
    wanted = [account(), *(instance(f"repo-{n:04d}", status="disabled") for n in range(3))]
    thousand.forget()
    report = await thousand.apply(*wanted, targets=("den/ConnectorInstance/repo-0001",))
    assert [outcome.address.name for outcome in report.outcomes] == ["repo-0001"]
    assert thousand.asked() <= 4, "the accounts, the instance by name, the write, the look"
    assert sum(row["status"] == "disabled" for row in thousand.rows("den.connectorInstances")) == 1


async def test_a_target_that_is_missing_is_created(world: World) -> None:
    report = await world.apply(account(), instance("docs"), instance("x"), targets=("den/ConnectorInstance/docs",))
    assert [outcome.address.name for outcome in report.outcomes] == ["acme", "docs"]
    assert report.exit_code == 0


async def test_a_target_by_id_that_is_not_there_is_refused(world: World) -> None:
    gone = instance("docs", connectorAccount="cac_" + "0" * 26, id="cin_" + "0" * 26)
    plan = await world.plan(gone, targets=("den/ConnectorInstance/docs",))
    assert actions(plan) == {"docs": "refuse"}
