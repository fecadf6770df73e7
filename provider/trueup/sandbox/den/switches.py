"""The behaviour of Den by version: as recorded in August 2026, or as in its source code of late September.

The newer version was not recorded, so each difference is a separate switch: see `docs/sandbox.md`.
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
    # A key decides alone, or an invalid or spent one falls through to the session sent with it, or all are refused
    # (a build of the middle of August).
    "keys": ("alone", "fall-through", {"enum": ["alone", "fall-through", "refused"]}),
    # Whether get-session supports keys as well as sessions; otherwise a key is unknown: 200 null.
    "getSession": ("keys", "sessions", {"enum": ["keys", "sessions"]}),
    # What requires a recent session: every write and the access list, writes only, or nothing.
    "reauth": ("all", "never", {"enum": ["all", "writes", "never"]}),
    # Super-admins as a role, or merged into admins; then teams may make admins, and `/v1/org` shows it.
    "roles": ("super-admin", "merged", {"enum": ["super-admin", "merged"]}),
    # Seconds for which `/v1/org` may be cached, and whether it omits members that are not people.
    "orgCache": (0, 300, {"type": "number", "minimum": 0}),
    "orgLists": ("all", "people", {"enum": ["all", "people"]}),
    # Whether a 403 names the missing permission.
    "requiredPermission": (False, True, _FLAG),
    # Whether the organisation requires SSO: other sessions are refused.
    "ssoRequired": (False, False, _FLAG),
    # Which names the unique indexes treat as equal: regardless of case, or of accents, width and the like too, as
    # MySQL's utf8mb4_0900_ai_ci does. This depends on the database, not on the version.
    "collation": ("case", "case", {"enum": ["case", "accents"]}),
    # The object types that a mapping may create.
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
