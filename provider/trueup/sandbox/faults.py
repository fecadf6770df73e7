"""Faults injected into the answers of Den and Wexa: the requests that they affect, and what goes wrong."""

from __future__ import annotations

import json
import random
import re
from fnmatch import fnmatchcase
from itertools import count
from typing import Any, Literal

from trueup.sandbox.holds import Held, Holds
from trueup.sandbox.shapes import CompiledSchema, record

_SECONDS = {"type": "number", "minimum": 0, "maximum": 600}
_POSITIVE = {"type": "integer", "minimum": 1}
_ONE = record(
    {
        "system": {"enum": ["den", "wexa", None]},
        "method": {"type": ["string", "null"]},
        "route": {"type": ["string", "null"]},
        "nth": {"type": ["integer", "array"], "minimum": 1, "minItems": 1, "items": _POSITIVE},
        "every": _POSITIVE,
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "seed": {"type": "integer"},
        "times": _POSITIVE,
        "status": {"type": "integer", "minimum": 200, "maximum": 599},
        "body": {},
        "headers": {
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": "^[ -~]*$"},
        },
        "after": {"type": "boolean"},
        "delay": _SECONDS,
        "reset": {"enum": ["before", "after"]},
        "truncate": {"type": "boolean"},
        "drip": _SECONDS,
        "chunk": _POSITIVE,
        "hold": {"enum": ["before", "after"]},
        "drop": {"type": "boolean"},
        "preset": {"enum": ["audit-unavailable", "sso-required", "permission-missing"]},
    }
)
_PRESETS: dict[str, dict[str, Any]] = {
    "audit-unavailable": {"status": 503, "body": {"error": "audit_unavailable"}},
    "sso-required": {
        "status": 403,
        "body": {
            "error": "organization_sso_required",
            "message": "Sign in with your organization's SSO provider to continue.",
        },
    },
    "permission-missing": {
        "status": 403,
        "body": {
            "error": "forbidden",
            "message": "You do not have permission to do this.",
            "requiredPermission": "connector_instance.update",
        },
    },
}
"""Answers of newer Den servers, by name."""
_FAULT = CompiledSchema(_ONE)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FRAMING = {"content-length", "transfer-encoding", "connection"}
BODILESS = (204, 304)
"""Statuses whose answers have no body."""


class InjectedFault:
    """A fault, as it was posted. Raises ValueError if it is invalid.

    Which requests: `system`, `method` and `route` (a route's pattern, a path, or a glob over either, whose `*` also
    crosses slashes); of these the `nth` ones since it was posted, or `every` so many, or each with `probability`
    (reproducible with `seed`), or all of them; at most `times` times.

    What goes wrong: `status` with `body` and `headers` (or a `preset` of them), instead of the effect or, with `after`,
    behind it; `delay` in
    real seconds before the effect or, with `after`, behind it; `reset` of the connection before or after the effect;
    `truncate`, an answer that ends before its Content-Length says so; `drip`, real seconds between pieces of `chunk`
    bytes (one byte unless said); `hold` of the request before its effect, or behind it and before the answer, until it
    is released. A released request has its effect even if its client is gone by then; with `drop` it never has one,
    and its connection is cut.
    """

    _ids = count(1)

    def __init__(self, given: Any) -> None:
        _FAULT.check(given, "fault")
        given = _expanded(given)
        _agree(given)
        self.given: dict[str, Any] = given
        self.id = next(InjectedFault._ids)
        self.matched = 0
        self.fired = 0
        self.status: int | None = given.get("status")
        self.delay: float = given.get("delay", 0)
        self.reset: Literal["before", "after"] | None = given.get("reset")
        self.truncate: bool = given.get("truncate", False)
        self.drip: float = given.get("drip", 0)
        self.chunk: int = given.get("chunk", 1)
        self.hold: Literal["before", "after"] | None = given.get("hold")
        self.drop: bool = given.get("drop", False)
        self.held = Holds()
        self.after: bool = given.get("after", False) or self.reset == "after"
        nth = given.get("nth")
        self._nth = {nth} if isinstance(nth, int) else set(nth or ())
        self._random = random.Random(given.get("seed"))  # noqa: S311 - chance, not secrecy

    def matches(self, system: str, method: str, path: str, route: str | None) -> bool:
        """Whether the request counts for this fault."""
        given = self.given
        wanted = given.get("route")
        return (
            given.get("system") in (None, system)
            and (given.get("method") or method).upper() == method
            and (wanted is None or fnmatchcase(path, wanted) or (route is not None and fnmatchcase(route, wanted)))
        )

    def due(self) -> bool:
        """Count a matching request, and return whether it is affected."""
        self.matched += 1
        chance = self._random.random() if "probability" in self.given else None
        if self.fired >= self.given.get("times", self.matched):
            return False
        if self._nth:
            return self.matched in self._nth
        if "every" in self.given:
            return bool(self.matched % self.given["every"] == 0)
        return chance is None or bool(chance < self.given["probability"])

    def answer(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Headers and body for `status`; a body other than text is sent as JSON, and there is a default."""
        default = None if self.status in BODILESS else {"error": "injected", "message": "This fault was asked for."}
        body = self.given.get("body", default)
        kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
        text = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        headers = {name.lower(): value for name, value in self.given.get("headers", {}).items()}
        if text:
            headers.setdefault("content-type", kind)
        return [(name.encode(), value.encode()) for name, value in headers.items()], text

    def view(self) -> dict[str, Any]:
        """Return it as posted, with its number, the matching requests, how often it fired, and what it holds now."""
        held = {"held": self.held.view()} if self.hold else {}
        return {**self.given, "id": self.id, "matched": self.matched, "fired": self.fired, **held}


class Faults:
    """All faults, in the order in which they were posted."""

    def __init__(self) -> None:
        self._faults: list[InjectedFault] = []

    def post(self, given: Any) -> None:
        """Add a fault or a list of them. Raises ValueError and adds none if one is invalid."""
        self._faults += [InjectedFault(one) for one in (given if isinstance(given, list) else [given])]

    def clear(self) -> list[Held]:
        """Remove all faults and return the held requests that continue now."""
        gone = self.release()
        self._faults = []
        return gone

    def release(self) -> list[Held]:
        """Release the requests that are held now and return them. Later ones are held again."""
        return [held for fault in self._faults for held in fault.held.release()]

    def hit(self, system: str, method: str, path: str, route: str | None) -> InjectedFault | None:
        """Return the first fault that is due for this request. Every matching fault counts it."""
        hit = None
        for fault in self._faults:
            if fault.matches(system, method, path, route) and fault.due():
                hit = hit or fault
        if hit is not None:
            hit.fired += 1
        return hit

    def view(self) -> list[dict[str, Any]]:
        """All of them, as the control port shows them."""
        return [fault.view() for fault in self._faults]


def _expanded(given: dict[str, Any]) -> dict[str, Any]:
    """Return the fault with the answer of its preset. Raises ValueError if it has one of its own as well."""
    if "preset" not in given:
        return given
    if own := sorted({"status", "body", "reset", "hold"} & given.keys()):
        raise ValueError(f"fault.preset is an answer, so {', '.join(own)} cannot be asked for beside it")
    return {**given, **_PRESETS[given["preset"]]}


def _agree(given: dict[str, Any]) -> None:
    """Raise ValueError for keys that contradict one another or lack their companion."""
    when = [key for key in ("nth", "every", "probability") if key in given]
    if len(when) > 1:
        raise ValueError(f"fault has {' and '.join(when)}: one of them says which requests are hit")
    if not any(given.get(key) for key in ("status", "delay", "reset", "truncate", "drip", "hold")):
        raise ValueError("fault does nothing: it needs status, delay, reset, truncate, drip or hold")
    for key, owners in (
        ("seed", ["probability"]),
        ("body", ["status"]),
        ("headers", ["status"]),
        ("chunk", ["drip"]),
        ("after", ["status", "delay"]),
        ("drop", ["hold"]),
    ):
        if key in given and not any(owner in given for owner in owners):
            raise ValueError(f"fault.{key} goes with {' or '.join(owners)}, which is missing")
    if "reset" in given:
        useless = [key for key in ("status", "truncate", "drip", "after") if key in given]
        if useless:
            raise ValueError(f"fault.reset leaves no answer, so {', '.join(useless)} cannot be asked for beside it")
    others = sorted({"status", "delay", "reset", "truncate", "drip", "after"} & given.keys())
    if "hold" in given and others:
        raise ValueError(f"fault.hold stands alone: {', '.join(others)} cannot be asked for beside it")
    if given.get("drop") and given["hold"] == "after":
        raise ValueError("fault.drop goes with hold before: behind its effect it is too late")
    if given.get("status") in BODILESS and "body" in given:
        raise ValueError(f"fault.body cannot be sent with status {given['status']}")
    if odd := [name for name in given.get("headers", {}) if not _TOKEN.fullmatch(name)]:
        raise ValueError(f"fault.headers has {odd[0]!r}, which is no name of a header")
    if framing := sorted(_FRAMING & {name.lower() for name in given.get("headers", {})}):
        raise ValueError(f"fault.headers cannot set {', '.join(framing)}: use truncate or reset")
