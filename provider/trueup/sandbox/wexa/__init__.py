"""An embedded Wexa: the documented call exactly, the calls of public clients, and switches for the unknown."""

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
    """A Wexa on a store. All of its state is in the store, so that a loaded state takes effect."""

    def __init__(self, store: Store, clock: MovableClock) -> None:
        self._rows = Rows(store, clock)
        self.switches = WexaSwitches(store)
        self.app: Starlette = WexaApi(self._rows, self.switches).build()

    def seed(self, project: str | None = None) -> Row:
        """Two organisations with a project and a key each, and no connectors; the first project, whose id may be given.

        The keys are random. The other organisation serves to have a key that may not see the first.
        """
        first = self._rows.add_project(FIRST, project)
        self._rows.add_project("wexa-other-api-key", projectName="other")
        return first

    def add_connector(self, project: str, category: str, name: str, **fields: Any) -> Row:
        """Write a connector of a project; fields are those of the table's rows."""
        return self._rows.add_connector(project, category, name, **fields)

    def principals(self) -> dict[str, dict[str, str]]:
        """Return the headers to send, by the name of a credential."""
        return {row["principal"]: {"x-api-key": row["key"]} for row in self._rows.keys.values()}

    def project_id(self) -> str | None:
        """Return the project of the first key."""
        return next((row["projectID"] for row in self._rows.keys.values() if row["principal"] == FIRST), None)

    def upstream(self, change: dict[str, Any]) -> dict[str, Any]:
        """Make a change from outside the API and return the touched ids. Raises ValueError for an invalid change."""
        return change_upstream(self._rows, change)
