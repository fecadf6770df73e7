"""What Den knows: its tables in the store, and the clock that dates every write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trueup.sandbox.den.ids import new_id

if TYPE_CHECKING:
    from trueup.sandbox.clock import Clock
    from trueup.sandbox.store import Row, Store, Table


class World:
    """The tables by name. Rows carry the API's own field names, and beside them what the API does not show."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock

    @property
    def organizations(self) -> Table:
        return self.store.table("den.organizations")

    @property
    def users(self) -> Table:
        return self.store.table("den.users")

    @property
    def members(self) -> Table:
        return self.store.table("den.members")

    @property
    def invitations(self) -> Table:
        return self.store.table("den.invitations")

    @property
    def roles(self) -> Table:
        return self.store.table("den.roles")

    @property
    def teams(self) -> Table:
        """Teams carry `memberIds`, the memberships that belong to them."""
        return self.store.table("den.teams")

    @property
    def api_keys(self) -> Table:
        """Keys carry `key` in clear: they are made up, and whoever reads the state has to be able to use them."""
        return self.store.table("den.apiKeys")

    @property
    def sessions(self) -> Table:
        return self.store.table("den.sessions")

    @property
    def plugins(self) -> Table:
        """Plugins cannot be made here; a state that is loaded may hold some for mappings to name."""
        return self.store.table("den.plugins")

    @property
    def config_objects(self) -> Table:
        """What syncs imported: rows with an `id`, a `connectorInstanceId` and a `path`. Only their number is told."""
        return self.store.table("den.configObjects")

    @property
    def accounts(self) -> Table:
        return self.store.table("den.connectorAccounts")

    @property
    def instances(self) -> Table:
        return self.store.table("den.connectorInstances")

    @property
    def targets(self) -> Table:
        return self.store.table("den.connectorTargets")

    @property
    def mappings(self) -> Table:
        return self.store.table("den.connectorMappings")

    @property
    def grants(self) -> Table:
        return self.store.table("den.accessGrants")

    @property
    def events(self) -> Table:
        return self.store.table("den.syncEvents")

    @property
    def github(self) -> Table:
        """What GitHub answers to syncs: at most one row, `syncs`, with its `outcome`."""
        return self.store.table("den.github")

    def new_id(self, prefix: str) -> str:
        """A fresh id, dated by the clock."""
        return new_id(prefix, self.clock.now())

    def stamp(self, seconds: float = 0.0) -> str:
        """The time as the API writes it, in milliseconds and UTC; `seconds` from now."""
        return text_of(self.clock.now() + timedelta(seconds=seconds))

    def age(self, stamp: str) -> float:
        """Seconds since then."""
        return (self.clock.now() - time_of(stamp)).total_seconds()

    def put(self, table: Table, row: Row) -> Row:
        """Writes a row under its own id."""
        return table.put(row["id"], row)


def text_of(moment: datetime) -> str:
    """`2026-11-22T14:38:28.342Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def time_of(stamp: str) -> datetime:
    """The moment that such a text names."""
    return datetime.fromisoformat(stamp)


def same(one: str, other: str) -> bool:
    """Whether two names are one to the database, which does not look at the case (`*.duplicate-name-case`)."""
    return one.casefold() == other.casefold()
