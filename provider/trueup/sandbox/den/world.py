"""Den's data: its tables in the store, and the clock that dates writes."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trueup.sandbox.den.ids import new_id
from trueup.sandbox.den.switches import VERSIONS, DenSwitches

if TYPE_CHECKING:
    from collections.abc import Callable

    from trueup.sandbox.clock import MovableClock
    from trueup.sandbox.store import Row, Store, Table


class DenWorld:
    """The tables by name. Rows have the API's field names, and further fields that the API does not return."""

    def __init__(self, store: Store, clock: MovableClock, version: str = VERSIONS[0]) -> None:
        self.store = store
        self.clock = clock
        self.switches = DenSwitches(store, version)
        # Cached answers of `/v1/org`, by organisation, with their time: a newer server serves them for a while.
        self.shown_organizations = store.table("den.shownOrganizations")
        self.organizations = store.table("den.organizations")
        self.users = store.table("den.users")
        self.members = store.table("den.members")
        self.invitations = store.table("den.invitations")
        self.roles = store.table("den.roles")
        # Teams have `memberIds`, the memberships that belong to them, and may have `admin`: its members are admins to
        # a newer server. No route makes one; presets do.
        self.teams = store.table("den.teams")
        # Keys have `key` in clear: they are invented, and a reader of the state must be able to use them.
        self.api_keys = store.table("den.apiKeys")
        self.sessions = store.table("den.sessions")
        self.accounts = store.table("den.connectorAccounts")
        self.instances = store.table("den.connectorInstances")
        self.targets = store.table("den.connectorTargets")
        self.mappings = store.table("den.connectorMappings")
        self.grants = store.table("den.accessGrants")
        self.events = store.table("den.syncEvents")
        # Plugins cannot be created by a request; a preset or a loaded state may have some for mappings to refer to.
        self.plugins = store.table("den.plugins")
        # Objects imported by syncs: `id`, `connectorInstanceId` and `path`. Only their number is returned.
        self.config_objects = store.table("den.configObjects")
        # The outcome of syncs: at most one row, `syncs`, with its `outcome`.
        self.github = store.table("den.github")
        # Indexes of large tables, so that a request does not scan them.
        self.instances_by_name = self.instances.index(lambda row: named(row.get("organizationId"), row.get("name")))
        self.targets_by_instance = self.targets.index(_of("connectorInstanceId"))
        self.mappings_by_instance = self.mappings.index(_of("connectorInstanceId"))
        self.mappings_by_target = self.mappings.index(_of("connectorTargetId"))
        self.mappings_by_plugin = self.mappings.index(_of("pluginId"))
        self.grants_by_instance = self.grants.index(_of("connectorInstanceId"))
        self.events_by_instance = self.events.index(_of("connectorInstanceId"))
        self.events_by_target = self.events.index(_of("connectorTargetId"))
        self.objects_by_instance = self.config_objects.index(_of("connectorInstanceId"))

    def new_id(self, prefix: str) -> str:
        """A fresh id, dated by the clock."""
        return new_id(prefix, self.clock.now())

    def stamp(self, seconds: float = 0.0) -> str:
        """The time as the API writes it, in milliseconds and UTC; `seconds` from now."""
        return text_of(self.clock.now() + timedelta(seconds=seconds))

    def age(self, stamp: str) -> float:
        """Seconds since then."""
        return (self.clock.now() - time_of(stamp)).total_seconds()

    def collide(self, one: str, other: str) -> bool:
        """Whether a unique index treats two texts as equal, by the collation of the database."""
        if self.switches["collation"] == "accents":
            return without_accents(one) == without_accents(other)
        return same(one, other)

    def put(self, table: Table, row: Row) -> Row:
        """Write a row under its own id."""
        return table.put(row["id"], row)


def named(organization: object, name: object) -> str:
    """Where `instances_by_name` has an instance of that name, whatever its case, accents and width."""
    return f"{organization} {without_accents(str(name))}"


def _of(field: str) -> Callable[[Row], str]:
    return lambda row: str(row.get(field))


def text_of(moment: datetime) -> str:
    """`2026-11-22T14:38:28.342Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def time_of(stamp: str) -> datetime:
    """The moment that such a text names."""
    return datetime.fromisoformat(stamp)


def without_accents(text: str) -> str:
    """Return approximately the key that MySQL's `utf8mb4_0900_ai_ci` compares: base letters, without invisible ones."""
    if text.isascii() and text.isprintable():
        return text.lower()
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in apart if unicodedata.category(char) not in ("Mn", "Me", "Cf", "Cc"))


def same(one: str, other: str) -> bool:
    """Whether the database treats two names as equal, regardless of case (`*.duplicate-name-case`)."""
    return one.casefold() == other.casefold()
