"""Switches for the undocumented behaviour of Wexa: one for each way in which the real server may behave."""

from __future__ import annotations

from typing import Any

from trueup.sandbox.shapes import record
from trueup.sandbox.store import Store
from trueup.sandbox.switches import Switches

_WORDS = {"type": ["array", "null"], "items": {"type": "string"}}
_LIMIT = record({"requests": {"type": "integer", "minimum": 1}, "seconds": {"type": "number", "minimum": 0}})
_RANGE = {"type": ["array", "null"], "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}

SWITCHES: dict[str, tuple[Any, Any]] = {
    # How the loader config is returned: in clear, with credentials masked, under other names, or not at all.
    "config": ("clear", {"enum": ["clear", "masked", "renamed", "absent"]}),
    # Where it is returned: in `config.config`, or as `data_loader_config` beside it.
    "place": ("config", {"enum": ["config", "beside"]}),
    # How a written status is returned; one that is not listed here, and "echo", are returned as written.
    "statuses": ({"active": "ready"}, {"type": ["object", "string"], "additionalProperties": {"type": "string"}}),
    # Statuses that may be written; null accepts any.
    "writable": (["pending", "active", "inactive"], _WORDS),
    # Seconds for which a written status is returned as `pending`.
    "settle": (0, {"type": "number", "minimum": 0}),
    # How many of the next writes (true: all) fail with 200 and an error in the body.
    "failure200": (0, {"type": ["integer", "boolean"], "minimum": 0}),
    # Connectors by category, or one flat array.
    "list": ("grouped", {"enum": ["grouped", "flat"]}),
    # Connectors per page of the list, chosen by `?page=` from 1 on; null is all of them.
    "pageSize": (None, {"type": ["integer", "null"], "minimum": 1}),
    # Whether a deleted connector is gone from the list or stays in it.
    "deleted": ("gone", {"enum": ["gone", "listed"]}),
    # Whether a written config replaces the former one or is merged into it.
    "merge": ("replace", {"enum": ["replace", "merge"]}),
    # Whether undocumented keys are kept, dropped, or refused.
    "unknownKeys": ("keep", {"enum": ["keep", "drop", "refuse"]}),
    # Whether the same change sent twice succeeds twice.
    "repeat": ("accept", {"enum": ["accept", "refuse"]}),
    # Allowed `source` values, the range of `batch_size`, and the keys that `auth` needs; null accepts any.
    "sources": (None, _WORDS),
    "batchSizes": (None, _RANGE),
    "authKeys": (None, _WORDS),
    # Whether a project may hold two connectors of one name.
    "duplicateNames": ("refuse", {"enum": ["refuse", "accept"]}),
    # The key that carries an error's message, and one status for all errors instead of each one's own.
    "errorKey": ("detail", {"enum": ["detail", "error", "message"]}),
    "errorStatus": (None, {"type": ["integer", "null"], "minimum": 200, "maximum": 599}),
    # Whether a key serves all projects of its organisation or its own project alone.
    "keys": ("organization", {"enum": ["organization", "project"]}),
    # A fixed window for each key, beyond which the answer is 429 with Retry-After; null is no limit.
    "rateLimit": (None, {**_LIMIT, "type": ["object", "null"], "required": ["requests", "seconds"]}),
}


class WexaSwitches(Switches):
    """The switches of one sandbox, in its store. The defaults are what public clients have seen."""

    def __init__(self, store: Store) -> None:
        schemas = {name: schema for name, (_, schema) in SWITCHES.items()}
        super().__init__("wexa", store, schemas, lambda name: SWITCHES[name][0])

    def check(self, given: Any) -> None:
        """Raise ValueError with what is wrong."""
        super().check(given)
        if isinstance(given.get("statuses"), str) and given["statuses"] != "echo":
            raise ValueError('wexa.statuses must be "echo" or an object from written to read words')

    def failing(self) -> bool:
        """Return whether this write fails with 200, and count it down."""
        left = self["failure200"]
        if left and left is not True:
            self.keep({**self.given, "failure200": left - 1})
        return bool(left)
