"""How Den behaves, by version: as recorded in August 2026, or as its sources of late September read.

Of the newer one nothing was recorded, so each difference is a switch of its own: `docs/sandbox.md` lists them.
"""

from __future__ import annotations

from typing import Any, Final

from trueup.sandbox.store import Store
from trueup.sandbox.switches import Switches

VERSIONS: Final = ("2026-08", "2026-09")
_OBJECTS: Final = ["skill", "agent", "command", "tool", "mcp", "hook", "context", "custom"]
_FLAG: Final = {"type": "boolean"}

SWITCHES: Final[dict[str, tuple[Any, Any, dict[str, Any]]]] = {
    # The default in either version, and the schema.
    # Whether answers carry `x-request-id`.
    "requestIds": (True, False, _FLAG),
    # Whether requests that overlap lose increments of a key's count.
    "window": ("lossy", "exact", {"enum": ["lossy", "exact"]}),
    # A key is the whole answer, or a bad or spent one falls through to the session sent beside it, or all are refused
    # (a build of the middle of August).
    "keys": ("alone", "fall-through", {"enum": ["alone", "fall-through", "refused"]}),
    # Whether get-session knows keys beside sessions; to one that does not, a key is unknown: 200 null.
    "getSession": ("keys", "sessions", {"enum": ["keys", "sessions"]}),
    # What takes a fresh session: every write and the access list, writes alone, or nothing.
    "reauth": ("all", "never", {"enum": ["all", "writes", "never"]}),
    # Super-admins apart, or merged into admins; then teams may make admins, and `/v1/org` tells of that.
    "roles": ("super-admin", "merged", {"enum": ["super-admin", "merged"]}),
    # Seconds for which `/v1/org` may be old, and whether it leaves out members that are no people.
    "orgCache": (0, 300, {"type": "number", "minimum": 0}),
    "orgLists": ("all", "people", {"enum": ["all", "people"]}),
    # Whether a 403 says which permission is missing.
    "requiredPermission": (False, True, _FLAG),
    # Whether the organisation wants its members to sign in by SSO: other sessions are refused.
    "ssoRequired": (False, False, _FLAG),
    # What the unique indexes take for the same: what differs in case, or in accents, width and the like as well, as
    # MySQL's utf8mb4_0900_ai_ci does. It is the database's affair, not the version's.
    "collation": ("case", "case", {"enum": ["case", "accents"]}),
    # What a mapping may make of its files.
    "objectTypes": (
        _OBJECTS,
        [*_OBJECTS, "script", "app", "workflow"],
        {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
    ),
}


class DenSwitches(Switches):
    """The switches of one sandbox, in its store. `version` is that of the start; `put` may choose another."""

    def __init__(self, store: Store, version: str) -> None:
        self._version = version
        schemas = {"version": {"enum": list(VERSIONS)}} | {name: schema for name, (*_, schema) in SWITCHES.items()}
        super().__init__("den", store, schemas, self._default)

    def _default(self, name: str) -> Any:
        if name == "version":
            return self._version
        return SWITCHES[name][VERSIONS.index(self["version"])]
