"""The GitHub routes of a server for which no GitHub app is configured (cases `github.*`): they refuse, in order."""

from __future__ import annotations

from trueup.sandbox.den import views
from trueup.sandbox.den.accounts import account_of, create_account
from trueup.sandbox.den.discovery import NO_APP, check_discovery, number_of
from trueup.sandbox.den.endpoint import Endpoint, Received, path_ids
from trueup.sandbox.den.lists import PAGING
from trueup.sandbox.den.mappings import creation as mapping
from trueup.sandbox.den.refusal import DenError, broken, forbidden
from trueup.sandbox.den.validate import Body, Flag, Id, Items, Maybe, OneOf, Shape, Text, Whole
from trueup.sandbox.den.world import DenWorld
from trueup.sandbox.store import Row

_NUMBER = Whole(above=0)
_BRANCH: dict[str, Shape] = {
    "repositoryId": _NUMBER,
    "repositoryFullName": Text(),
    "branch": Text(),
    "ref": Text(),
}
_INSTANCE = path_ids(connectorInstanceId="cin")
_DISCOVERY = "/v1/connector-instances/{connectorInstanceId}/discovery"


def no_app() -> DenError:
    """Return the answer of each route that would need GitHub."""
    return DenError(409, "github_connector_app_not_configured", NO_APP)


async def _start(call: Received) -> Row:
    call.actor.require_admin("connector_account.create")
    path = call.body["returnPath"]
    if not path.startswith("/") or path.startswith("//"):
        raise DenError(400, "invalid_return_path", "GitHub install return path must be a safe relative path.")
    raise no_app()


async def _complete(call: Received) -> Row:
    call.actor.require_admin("connector_account.create")
    raise DenError(400, "invalid_github_install_state", "GitHub install state is invalid or expired.")


async def _account(call: Received) -> Row:
    call.actor.require_admin("connector_account.create")
    body = call.body
    metadata = {
        "accountLogin": body["accountLogin"],
        "accountType": body["accountType"],
        "repositories": [],
        "repositorySelection": "all",
        "settingsUrl": None,
    }
    fields = {
        "connectorType": "github",
        "remoteId": str(body["installationId"]),
        "displayName": body["displayName"],
        "metadata": metadata,
    }
    return {"ok": True, "item": views.account(create_account(call, fields))}


async def _repositories(call: Received) -> Row:
    if number_of(account_of(call)["remoteId"]) <= 0:
        said = "Connector account does not have a valid GitHub installation id."
        raise DenError(409, "invalid_github_installation_id", said)
    raise no_app()


async def _validate(call: Received) -> Row:
    raise broken()  # recorded: this route alone does not turn the missing app into a 409


def _setup_body(world: DenWorld) -> Shape:
    return Body(
        {
            "installationId": _NUMBER,
            "connectorAccountId": Maybe(Id("cac")),
            "connectorInstanceName": Text(),
            **_BRANCH,
            "mappings": Maybe(Items(mapping(world), 100)),
        }
    )


async def _setup(call: Received) -> Row:
    call.actor.require_admin("connector_instance.create")
    raise no_app()


async def _discover(call: Received) -> Row:
    check_discovery(call.world, call.actor.instance(call.ids["connectorInstanceId"], "viewer"))
    raise no_app()


async def _apply(call: Received) -> Row:
    if call.body["selectedKeys"]:
        call.actor.require_fresh()
    if not call.actor.holds("admin"):
        raise forbidden(
            "Only organization owners and admins can apply connector discovery.", "connector_discovery.apply"
        )
    return await _discover(call)


ENDPOINTS = (
    Endpoint("POST", "/v1/connectors/github/install/start", _start, body=Body({"returnPath": Text(1024)})),
    Endpoint(
        "POST",
        "/v1/connectors/github/install/complete",
        _complete,
        body=Body({"installationId": _NUMBER, "state": Text(4096)}),
    ),
    Endpoint(
        "POST",
        "/v1/connectors/github/accounts",
        _account,
        body=Body(
            {
                "installationId": _NUMBER,
                "accountLogin": Text(),
                "accountType": OneOf(("Organization", "User")),
                "displayName": Text(),
            }
        ),
        status=201,
    ),
    Endpoint(
        "GET",
        "/v1/connectors/github/accounts/{connectorAccountId}/repositories",
        _repositories,
        path_ids(connectorAccountId="cac"),
        PAGING | {"q": Maybe(Text())},
    ),
    Endpoint(
        "POST",
        "/v1/connectors/github/validate-target",
        _validate,
        body=Body({"installationId": _NUMBER, **_BRANCH}),
    ),
    Endpoint(
        "POST",
        "/v1/connectors/github/setup",
        _setup,
        body=_setup_body,
        status=201,
    ),
    Endpoint("GET", _DISCOVERY, _discover, _INSTANCE),
    Endpoint(
        "GET",
        f"{_DISCOVERY}/tree",
        _discover,
        _INSTANCE,
        {
            "cursor": Maybe(Text()),
            "limit": Maybe(Whole(above=0, most=500, coerced=True)),
            "prefix": Maybe(Text(1024)),
        },
    ),
    Endpoint(
        "POST",
        f"{_DISCOVERY}/apply",
        _apply,
        _INSTANCE,
        body=Body({"autoImportNewPlugins": Maybe(Flag(), default=False), "selectedKeys": Items(Text(), 200)}),
    ),
)
