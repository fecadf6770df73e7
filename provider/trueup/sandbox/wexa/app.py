"""Wexa's routes: the documented call exactly, the others as public clients use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trueup.sandbox.shapes import parse
from trueup.sandbox.store import Row
from trueup.sandbox.wexa import view
from trueup.sandbox.wexa.errors import WexaError
from trueup.sandbox.wexa.rows import Rows
from trueup.sandbox.wexa.status import changed, checked
from trueup.sandbox.wexa.switches import WexaSwitches

Handler = Callable[[Request], Awaitable[Any]]


class WexaApi:
    """Handlers over Wexa's tables: each returns the JSON of its answer, or raises Refused."""

    def __init__(self, rows: Rows, switches: WexaSwitches) -> None:
        self._rows = rows
        self._switches = switches
        self._windows: dict[str, tuple[datetime, int]] = {}

    def build(self) -> Starlette:
        """The application."""
        keyed: list[tuple[str, str, Handler]] = [
            ("POST", "/connectors/change_status", self.change_status),
            ("GET", "/connectors/{projectID}", self.connectors),
            ("GET", "/connectors/{projectID}/trigger_actions", self.trigger_actions),
            ("GET", "/connector/{connectorID}", self.connector),
            ("DELETE", "/connector/{connectorID}", self.delete),
            ("POST", "/actions/{category}/config", self.create),
            ("GET", "/actions/{category}/config/{projectID}", self.config),
            ("GET", "/triggers/connector/{connectorID}", self.triggers),
            ("PUT", "/triggers/connector/{connectorID}/{category}", self.put_triggers),
            ("GET", "/v1/project", self.projects),
            ("GET", "/v1/project/{projectID}", self.project),
        ]
        routes = [Route(path, self._keyed(handler), methods=[method]) for method, path, handler in keyed]
        routes.append(Route("/public/connectors/all", self.catalogue, methods=["GET"]))
        return Starlette(
            routes=routes,
            exception_handlers={WexaError: self._refused, HTTPException: self._unrouted},
        )

    async def change_status(self, request: Request) -> Any:
        identity, status, loader = checked(await _body(request), self._switches)
        row = changed(self._connector(request, identity), status, loader, self._rows.stamp(), self._switches)
        self._write(row)
        message = f"Updated connector status to {status} for connectorID {identity}"
        return {"status": "success", "message": message}

    async def connectors(self, request: Request) -> Any:
        rows = self._rows.of_project(self._project(request, request.path_params["projectID"])["_id"])
        if self._switches["deleted"] == "gone":
            rows = [row for row in rows if not row["deleted"]]
        if size := self._switches["pageSize"]:
            page = _number(request, "page", 1)
            rows = rows[(page - 1) * size : page * size]
        return view.listing(rows, self._rows.clock.now(), self._switches)

    async def connector(self, request: Request) -> Any:
        row = self._connector(request, request.path_params["connectorID"])
        return view.connector(row, self._rows.clock.now(), self._switches)

    async def delete(self, request: Request) -> Any:
        project = self._project(request, _query(request, "projectID"))
        row = self._connector(request, request.path_params["connectorID"], project)
        self._write({**row, "deleted": True})
        return {"status": "success", "message": f"Deleted connector {row['connectorID']}"}

    async def trigger_actions(self, request: Request) -> Any:
        project = self._project(request, request.path_params["projectID"])
        if _query(request, "projectID") != project["_id"]:
            raise WexaError(400, "projectID of the path and of the query differ")
        rows = self._rows.of_project(project["_id"])
        return [view.triggers(row) for row in rows if row["triggers"] and not row["deleted"]]

    async def create(self, request: Request) -> Any:
        project = self._project(request, _query(request, "projectID"))
        body = await _body(request)
        if not isinstance(body, dict) or not isinstance(body.get("name"), str) or not body["name"]:
            raise WexaError(400, "name is required")
        config = body.get("config", {})
        if not isinstance(config, dict):
            raise WexaError(400, "config has to be an object")
        taken = [row["sourceName"] for row in self._rows.of_project(project["_id"]) if not row["deleted"]]
        if body["name"] in taken and self._switches["duplicateNames"] == "refuse":
            raise WexaError(400, "Connector with the same name already exists")
        self._fail_if_told()
        category = request.path_params["category"].lower()
        fields = {"description": str(body.get("description", "")), "config": config}
        row = self._rows.add_connector(project["_id"], category, body["name"], **fields)
        self._rows.store.commit()
        return {"_id": row["connectorID"], "name": row["sourceName"], "category": category, "status": row["status"]}

    async def config(self, request: Request) -> Any:
        project = self._project(request, request.path_params["projectID"])
        category = request.path_params["category"].lower()
        for row in self._rows.of_project(project["_id"]):
            if row["category"] == category and not row["deleted"]:
                shown = view.connector(row, self._rows.clock.now(), self._switches)
                return {"name": shown["name"], "category": category, **shown["config"]}
        raise WexaError(404, "Connector not found")

    async def triggers(self, request: Request) -> Any:
        return view.triggers(self._connector(request, request.path_params["connectorID"]))

    async def put_triggers(self, request: Request) -> Any:
        row = self._connector(request, request.path_params["connectorID"])
        if row["category"] != request.path_params["category"].lower():
            raise WexaError(404, "Connector not found")
        body = await _body(request)
        if not isinstance(body, dict) or not isinstance(body.get("triggers"), list):
            raise WexaError(400, "triggers has to be an array")
        return view.triggers(self._write({**row, "triggers": body["triggers"]}))

    async def projects(self, request: Request) -> Any:
        key = request.state.key
        wanted = {"orgId": request.query_params.get("orgId"), "status": request.query_params.get("status")}
        found = [
            {field: row[field] for field in ("_id", "projectName", "status")}
            for row in self._rows.projects.values()
            if self._serves(key, row) and all(value in (None, row[field]) for field, value in wanted.items())
        ]
        page, limit = _number(request, "page", 1), _number(request, "limit", 10)
        return {"projectList": found[(page - 1) * limit : page * limit], "totalCount": len(found)}

    async def project(self, request: Request) -> Any:
        return self._project(request, request.path_params["projectID"])

    async def catalogue(self, request: Request) -> Response:
        search = request.query_params.get("search_key", "").lower()
        return JSONResponse(
            [
                {"category": category, "description": description}
                for category, description in view.CATALOGUE.items()
                if search in category or search in description.lower()
            ]
        )

    def _keyed(self, handler: Handler) -> Handler:
        """Return the route behind the check of `x-api-key` and, if switched on, the limit."""

        async def answer(request: Request) -> Response:
            key = self._rows.keys.get(request.headers.get("x-api-key", ""))
            if key is None:
                raise WexaError(401, "Invalid or missing API key")
            self._count(key["key"])
            request.state.key = key
            return JSONResponse(await handler(request))

        return answer

    def _count(self, key: str) -> None:
        limit = self._switches["rateLimit"]
        if limit is None:
            return
        now = self._rows.clock.now()
        since, count = self._windows.get(key, (now, 0))
        left = limit["seconds"] - (now - since).total_seconds()
        if left <= 0:
            since, count, left = now, 0, limit["seconds"]
        if count >= limit["requests"]:
            raise WexaError(429, "Too many requests", headers={"retry-after": str(int(left) + 1)})
        self._windows[key] = (since, count + 1)

    def _serves(self, key: Row, project: Row) -> bool:
        if self._switches["keys"] == "project":
            return bool(key["projectID"] == project["_id"])
        return bool(key["orgId"] == project["orgId"])

    def _project(self, request: Request, identity: str) -> Row:
        row = self._rows.projects.get(identity)
        if row is None or not self._serves(request.state.key, row):
            raise WexaError(404, "Project not found")
        return row

    def _connector(self, request: Request, identity: str, project: Row | None = None) -> Row:
        row = self._rows.connectors.get(identity.lower())
        home = self._rows.projects.get(row["projectID"]) if row else None
        known = row is not None and home is not None and self._serves(request.state.key, home)
        if row is None or not known or row["deleted"] or project not in (None, home):
            raise WexaError(404, "Connector not found")
        return row

    def _write(self, row: Row) -> Row:
        self._fail_if_told()
        self._rows.connectors.put(row["connectorID"], row)
        self._rows.store.commit()
        return row

    def _fail_if_told(self) -> None:
        if self._switches.failing():
            raise WexaError(200, "The change could not be made", fails200=True)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, WexaError)
        return error.answer(self._switches)

    async def _unrouted(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return WexaError(error.status_code, error.detail).answer(self._switches)


async def _body(request: Request) -> Any:
    try:
        return parse(await request.body())
    except ValueError as error:
        raise WexaError(400, str(error)) from None


def _query(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if not value:
        raise WexaError(400, f"query parameter {name} is required")
    return value


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name) or str(default)
    if not value.isascii() or not value.isdigit() or int(value) < 1:
        raise WexaError(400, f"query parameter {name} has to be a positive number")
    return int(value)
