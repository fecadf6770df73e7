"""Wexa, embedded: the documented call exactly, what public clients were seen to use, and switches for the unknown."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.store import Row, Store
from trueup.sandbox.wexa.app import WexaApi
from trueup.sandbox.wexa.rows import Rows, check
from trueup.sandbox.wexa.switches import WexaSwitches
from trueup.sandbox.wexa.upstream import change as change_upstream

__all__ = ["Wexa", "check"]

FIRST = "wexa-api-key"
"""The name of the first key."""


class Wexa:
    """One Wexa over one store. All that it knows lives in the store, so that a loaded state takes effect."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        self._rows = Rows(store, clock)
        self.switches = WexaSwitches(store)
        self.app: Starlette = WexaApi(self._rows, self.switches).build()

    def seed(self, project: str | None = None) -> Row:
        """Two organisations with a project and a key each, and no connectors; the first project, whose id may be given.

        The keys are random. The other organisation is there so that a key can be one that may not see the first.
        """
        first = self._rows.add_project(FIRST, project)
        self._rows.add_project("wexa-other-api-key", projectName="other")
        return first

    def add_connector(self, project: str, category: str, name: str, **fields: Any) -> Row:
        """Writes a connector of a project; fields are those of the table's rows."""
        return self._rows.add_connector(project, category, name, **fields)

    def principals(self) -> dict[str, dict[str, str]]:
        """Who may ask, by name: the headers to send."""
        return {row["principal"]: {"x-api-key": row["key"]} for row in self._rows.keys.values()}

    def project_id(self) -> str | None:
        """The project that the first key was made for."""
        return next((row["projectID"] for row in self._rows.keys.values() if row["principal"] == FIRST), None)

    def upstream(self, change: dict[str, Any]) -> dict[str, Any]:
        """Something happens outside of the API; what was touched. ValueError says what is wrong with `change`."""
        return change_upstream(self._rows, change)
