"""An embedded Den: the connector routes of the real server, its sync worker, and changes from outside its API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trueup.sandbox.den import people, seed
from trueup.sandbox.den.app import build
from trueup.sandbox.den.switches import VERSIONS, DenSwitches
from trueup.sandbox.den.upstream import change as change_upstream
from trueup.sandbox.den.worker import run as run_worker
from trueup.sandbox.den.world import DenWorld

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from trueup.sandbox.clock import MovableClock
    from trueup.sandbox.store import Row, Store

__all__ = ["VERSIONS", "Den"]


class Den:
    """A Den on a store. All of its state is in the `den.*` tables, so that a loaded state takes effect."""

    def __init__(self, store: Store, clock: MovableClock, version: str = VERSIONS[0]) -> None:
        self._world = DenWorld(store, clock, version)
        self.app: Starlette = build(self._world)

    @property
    def switches(self) -> DenSwitches:
        """The switches for its behaviour, set by version or one by one."""
        return self._world.switches

    def seed_golden(self) -> None:
        """Write two organisations, each with an owner, a member without grants, an owner's key and sessions."""
        seed.golden(self._world)

    def add_people(self) -> dict[str, Row]:
        """Write two more members of the first organisation, by e-mail, and two teams, by name: see `people`."""
        return people.add_people(self._world)

    def principals(self) -> dict[str, dict[str, str]]:
        """Return the headers to send, by the name of a credential. Renews all sessions but the stale one."""
        return seed.principals(self._world)

    def add_account(self, **fields: Any) -> Row:
        """Write an account, as the owner of the first organisation unless `organizationId` says otherwise."""
        return seed.add_account(self._world, fields)

    def add_instance(self, **fields: Any) -> Row:
        """Write an instance of `connectorAccountId`, and the manager grant its creator gets."""
        return seed.add_instance(self._world, fields)

    def add_target(self, **fields: Any) -> Row:
        """Write a target of `connectorInstanceId`."""
        return seed.add_target(self._world, fields)

    def add_mapping(self, **fields: Any) -> Row:
        """Write a mapping of `connectorTargetId`."""
        return seed.add_mapping(self._world, fields)

    def add_plugin(self, **fields: Any) -> Row:
        """Write a plugin of the first organisation unless `organizationId` says otherwise."""
        return seed.add_plugin(self._world, fields)

    def grant(self, instance: Row, whom: Row, role: str) -> Row:
        """Write a grant for an instance to one of `add_people`, a membership or a team."""
        return people.grant(self._world, instance, whom, role)

    def add_grant(self, **fields: Any) -> Row:
        """Write an access grant of `connectorInstanceId`."""
        return seed.add_grant(self._world, fields)

    def add_event(self, **fields: Any) -> Row:
        """Write a sync event of `connectorInstanceId`, and of `connectorTargetId` where it has one."""
        return seed.add_event(self._world, fields)

    def upstream(self, change: dict[str, Any]) -> dict[str, Any]:
        """Make a change from outside the API and return the touched ids. Raises ValueError for an invalid change."""
        return change_upstream(self._world, change)

    async def run(self) -> None:
        """Run the sync worker every 5 s of the clock, until cancelled."""
        await run_worker(self._world)
